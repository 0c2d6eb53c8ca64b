# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Parity: proof, in numbers, that every backend computes what PyTorch computed."""
