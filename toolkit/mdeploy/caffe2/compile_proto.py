# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Regenerates ``_descriptor.py`` from ``caffe2.proto``: ``python -m mdeploy.caffe2.compile_proto``.

Needs the protobuf compiler of the development package ``grpcio-tools``; users of mdeploy do not.
"""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

PROTO = Path(__file__).with_name("caffe2.proto")
OUTPUT = Path(__file__).with_name("_descriptor.py")

_TEMPLATE = '''\
# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Generated from caffe2.proto by ``python -m mdeploy.caffe2.compile_proto``; do not edit."""

# A serialised FileDescriptorProto in base64.
FILE_DESCRIPTOR = (
{lines}
)
'''


def compile_proto() -> bytes:
    """Return the serialised FileDescriptorProto of caffe2.proto."""
    from google.protobuf import descriptor_pb2
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "caffe2.desc"
        arguments = ["protoc", f"--proto_path={PROTO.parent}", f"--descriptor_set_out={target}", PROTO.name]
        if protoc.main(arguments) != 0:
            raise SystemExit("protoc failed")
        files = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes())
    return files.file[0].SerializeToString(deterministic=True)


def render(descriptor: bytes) -> str:
    """Return the text of ``_descriptor.py``."""
    text = base64.b64encode(descriptor).decode("ascii")
    lines = "\n".join(f'    "{text[at : at + 100]}"' for at in range(0, len(text), 100))
    return _TEMPLATE.format(lines=lines)


if __name__ == "__main__":
    OUTPUT.write_text(render(compile_proto()), encoding="utf-8")
