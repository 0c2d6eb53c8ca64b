# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""mdeploy: takes a trained PyTorch classifier to a phone and proves, in numbers, what happened to it on the way."""

__all__ = ["__version__"]

__version__ = "0.1.0"
