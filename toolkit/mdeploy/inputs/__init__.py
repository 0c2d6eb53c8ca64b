# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Inputs that no file gives: noise and scenes from a seed, and images that gradients turn."""
