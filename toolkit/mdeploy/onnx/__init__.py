# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX: export from PyTorch, preparation of files from elsewhere, and checked graph passes."""
