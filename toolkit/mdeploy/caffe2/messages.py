# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Caffe2's protobuf messages in a descriptor pool of their own.

Another library in the same process may register its own ``caffe2.NetDef`` in protobuf's default pool; two
registrations of one name end the process. Ours never enter that pool.
"""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from mdeploy.caffe2._descriptor import FILE_DESCRIPTOR

__all__ = ["Argument", "BlobProto", "NetDef", "OperatorDef", "TensorProto"]


def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(FILE_DESCRIPTOR))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        message.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{message.name}"))
        for message in file.message_type
    }


_CLASSES = _messages()

Argument: Any = _CLASSES["Argument"]
BlobProto: Any = _CLASSES["BlobProto"]
NetDef: Any = _CLASSES["NetDef"]
OperatorDef: Any = _CLASSES["OperatorDef"]
TensorProto: Any = _CLASSES["TensorProto"]
