# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What ``convert`` takes: a checkpoint, a state_dict with its factory, TorchScript, an exported program, an ONNX file.

One file per kind; ``open_source`` looks at what a file holds and picks.
"""

from mdeploy.conversion.sources.base import LoadedSource, SourceOptions, batch_message, image_spec
from mdeploy.conversion.sources.detect import open_source

__all__ = ["LoadedSource", "SourceOptions", "batch_message", "image_spec", "open_source"]
