# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Images with class labels: where they come from, and how batches are made of them."""

from mdeploy_training.data.batches import Batch, evaluation_batches, training_batches
from mdeploy_training.data.folder import read_dataset
from mdeploy_training.data.normalization import Normalization
from mdeploy_training.data.source import ImageFiles, Images, Source

__all__ = [
    "Batch",
    "ImageFiles",
    "Images",
    "Normalization",
    "Source",
    "evaluation_batches",
    "read_dataset",
    "training_batches",
]
