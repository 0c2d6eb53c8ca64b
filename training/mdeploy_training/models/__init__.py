# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The registered models: each name here stands in the entry-point group ``mdeploy.models``."""

from mdeploy_training.models.configurations import resnest50, resnest50_cifar, resnest_small
from mdeploy_training.models.resnest import ResNeSt, ResNeStConfig
from mdeploy_training.models.split_attention import SplitAttentionConv

__all__ = ["ResNeSt", "ResNeStConfig", "SplitAttentionConv", "resnest50", "resnest50_cifar", "resnest_small"]
