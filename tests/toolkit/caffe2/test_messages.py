# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The message layout: the bytes that real Caffe2 writes and reads."""

from __future__ import annotations

import base64

import pytest
from google.protobuf import descriptor_pool

from mdeploy.caffe2 import _descriptor, compile_proto
from mdeploy.caffe2.messages import Argument, NetDef, OperatorDef, TensorProto


def test_the_checked_in_descriptor_is_current() -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    assert base64.b64decode(_descriptor.FILE_DESCRIPTOR) == compile_proto.compile_proto()
    assert compile_proto.OUTPUT.read_text() == compile_proto.render(compile_proto.compile_proto())


def test_nothing_enters_the_default_pool() -> None:
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("caffe2.NetDef")


def test_bytes_as_caffe2_writes_them() -> None:
    # Recorded from Caffe2's own writer: floats and ints of an Argument are not packed, those of a TensorProto are.
    floats = Argument(name="values", floats=[1, 2])
    assert floats.SerializeToString().hex() == "0a0676616c756573" + "2d0000803f" + "2d00000040"
    assert Argument(ints=[2, 300]).SerializeToString().hex() == "3002" + "30ac02"
    tensor = TensorProto(dims=[2], data_type=TensorProto.FLOAT, float_data=[1, 2])
    assert tensor.SerializeToString().hex() == "080210011a080000803f00000040"


def test_packed_and_unpacked_read_the_same() -> None:
    packed = bytes.fromhex("2a08" + "0000803f" + "00000040" + "3203" + "02ac02")
    assert Argument.FromString(packed) == Argument(floats=[1, 2], ints=[2, 300])


def test_field_numbers() -> None:
    numbers = {name: field.number for name, field in OperatorDef.DESCRIPTOR.fields_by_name.items()}
    assert numbers == {
        "input": 1, "output": 2, "name": 3, "type": 4, "arg": 5, "device_option": 6, "engine": 7,
        "control_input": 8, "is_gradient_op": 9, "debug_info": 10, "domain": 11, "op_version": 12,
    }  # fmt: skip
    assert NetDef.DESCRIPTOR.fields_by_name["external_input"].number == 7
    assert NetDef.DESCRIPTOR.fields_by_name["external_output"].number == 8


def test_unknown_fields_are_kept() -> None:
    data = NetDef(name="n").SerializeToString() + bytes.fromhex("fa0103616263")  # field 31, from a newer Caffe2
    assert NetDef.FromString(data).name == "n"
    assert NetDef.FromString(data).SerializeToString() == data
