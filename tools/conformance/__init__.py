# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX's own backend tests and published models through ``convert`` and every runtime."""
