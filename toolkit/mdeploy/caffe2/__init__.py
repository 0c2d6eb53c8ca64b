# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Caffe2 nets: the messages, the operators' rules, and the conversion of an ONNX graph into them."""
