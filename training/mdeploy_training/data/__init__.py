# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures with class labels, in memory: where they come from and how batches are made of them."""

from mdeploy_training.data.batches import Normalization, augment, training_batches
from mdeploy_training.data.pictures import Pictures, read_dataset

__all__ = ["Normalization", "Pictures", "augment", "read_dataset", "training_batches"]
