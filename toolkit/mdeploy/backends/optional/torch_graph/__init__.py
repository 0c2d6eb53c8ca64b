# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""An ONNX graph as a torch module, for makers that start from PyTorch: litert-torch, ExecuTorch, coremltools, pnnx.

So every backend gets the same graph, whatever the artifact was made from. Only what ``mdeploy convert`` takes is here,
plus LogSoftmax; the operators' rules are those of the ONNX operator specification.
"""

from mdeploy.backends.optional.torch_graph.module import GraphModule, load_graph

__all__ = ["GraphModule", "load_graph"]
