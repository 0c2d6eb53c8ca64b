# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Converters from ONNX to Caffe2, one file per operator family."""
