# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The registry, and the backends that run inside this process."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from mdeploy.backends.base import Backend, PrepareOptions
from mdeploy.backends.onnxruntime import OnnxRuntimeSession
from mdeploy.backends.registry import BACKENDS, get_backend, select_backends
from mdeploy.backends.torch import TorchSession
from mdeploy.errors import InputError, UnavailableError, UnsupportedError, UsageError
from mdeploy.formats.artifact import Artifact


def test_every_backend_follows_the_protocol() -> None:
    for name in BACKENDS:
        backend = get_backend(name)
        assert isinstance(backend, Backend)
        assert backend.name == name
        availability = backend.availability()
        assert availability.version if availability.available else availability.reason


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        UsageError, match="torch, onnxruntime, mdeploy, caffe2, openvino, ncnn, mnn, litert, executorch"
    ):
        get_backend("tensorrt")


def test_selection_by_name_keeps_the_order_given() -> None:
    selection = select_backends(["onnxruntime", "torch"])
    assert [backend.name for backend in selection.present] == ["onnxruntime", "torch"]
    assert selection.missing == ()


def test_our_modules_do_not_shadow_the_runtimes() -> None:
    code = (
        "import mdeploy.backends.torch, mdeploy.backends.onnxruntime, mdeploy.backends.caffe2.backend\n"
        "import torch, onnxruntime\nassert torch.__version__ and onnxruntime.__version__\n"
        "assert torch is not mdeploy.backends.torch"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_registry_imports_no_runtime() -> None:
    code = (
        "import sys\nfrom mdeploy.backends.registry import BACKENDS, get_backend\n"
        "for name in BACKENDS: get_backend(name).availability()\n"
        "assert not {'torch', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestOnnxRuntime:
    def model(self, op: str = "Relu", domain: str = "") -> bytes:
        node = helper.make_node(op, ["x"], ["y"], domain=domain)
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])
        opsets = [helper.make_opsetid("", 13)] + ([helper.make_opsetid(domain, 1)] if domain else [])
        return bytes(
            helper.make_model(helper.make_graph([node], "g", [x], [y]), opset_imports=opsets).SerializeToString()
        )

    def test_runs_by_position(self) -> None:
        session = OnnxRuntimeSession(self.model(), PrepareOptions(threads=1))
        np.testing.assert_array_equal(session.run([np.array([[-1, 0, 2]], np.float32)])[0], [[0, 0, 2]])
        session.close()
        session.close()

    @pytest.mark.parametrize("data", [b"junk", b""])
    def test_what_is_no_model_is_bad_input(self, data: bytes) -> None:
        with pytest.raises(InputError, match=r"model\.onnx: onnxruntime") as caught:
            OnnxRuntimeSession(data, PrepareOptions())
        assert "\n" not in str(caught.value)

    def test_an_unknown_operator(self) -> None:
        with pytest.raises((UnsupportedError, InputError), match="Nope"):
            OnnxRuntimeSession(self.model("Nope", "my.domain"), PrepareOptions())

    def test_wrong_inputs(self) -> None:
        session = OnnxRuntimeSession(self.model(), PrepareOptions())
        with pytest.raises(InputError, match="1 inputs expected, 2 given"):
            session.run([np.zeros((1, 3), np.float32)] * 2)
        with pytest.raises(InputError, match="onnxruntime"):
            session.run([np.zeros((2, 2), np.float32)])


class TestTorch:
    def test_nested_outputs_are_flattened_in_order(self) -> None:
        class Module(torch.nn.Module):
            def forward(self, x: torch.Tensor, y: torch.Tensor) -> object:
                return {"a": x + y, "b": (x - y, [x * y])}

        session = TorchSession(Module().eval(), PrepareOptions())
        x, y = np.array([3.0], np.float32), np.array([2.0], np.float32)
        assert [float(value[0]) for value in session.run([x, y])] == [5.0, 1.0, 6.0]

    def test_inputs_are_not_changed(self) -> None:
        class InPlace(torch.nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x.add_(1)

        x = np.zeros(3, np.float32)
        TorchSession(InPlace().eval(), PrepareOptions()).run([x])
        assert not x.any()

    def changed(self, calibrated: Artifact, folder: Path, **source: object) -> Artifact:
        shutil.copytree(calibrated.path, folder / "a")
        manifest = json.loads((folder / "a" / "manifest.json").read_text())
        manifest["source"].update(source)
        (folder / "a" / "manifest.json").write_text(json.dumps(manifest))
        return Artifact.open(folder / "a")

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [("onnx", "cannot run"), ("caffe2", "cannot run"), ("state_dict", "class is not known")],
    )
    def test_sources_that_pytorch_cannot_run(
        self, kind: str, reason: str, calibrated: Artifact, tmp_path: Path
    ) -> None:
        artifact = self.changed(calibrated, tmp_path, kind=kind)
        with pytest.raises(UnavailableError, match=reason):
            get_backend("torch").prepare(artifact, PrepareOptions())

    def test_code_runs_only_when_it_is_named(self, calibrated: Artifact, tmp_path: Path) -> None:
        module = torch.jit.trace(torch.nn.ReLU(), torch.zeros(1, 3))
        module.save(str(tmp_path / "net.ts"))
        digest = hashlib.sha256((tmp_path / "net.ts").read_bytes()).hexdigest()
        artifact = self.changed(calibrated, tmp_path, kind="torchscript", file="net.ts", sha256=digest)
        with pytest.raises(UnavailableError, match="--source"):
            get_backend("torch").prepare(artifact, PrepareOptions())
        session = get_backend("torch").prepare(artifact, PrepareOptions(source=tmp_path / "net.ts"))
        assert session.run([np.array([-1.0, 2.0], np.float32)])[0].tolist() == [0.0, 2.0]

    def test_a_source_name_does_not_lead_away(self, calibrated: Artifact, tmp_path: Path) -> None:
        (tmp_path / "secret.pt").write_bytes(b"x")
        artifact = self.changed(calibrated, tmp_path, file=str(tmp_path / "secret.pt"))
        with pytest.raises(UnavailableError, match="has changed"):  # found by its base name beside the artifact only
            get_backend("torch").prepare(artifact, PrepareOptions())


def test_an_artifact_without_onnx(calibrated: Artifact, tmp_path: Path) -> None:
    shutil.copytree(calibrated.path, tmp_path / "a")
    (tmp_path / "a" / "model.onnx").unlink()
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    del manifest["files"]["model.onnx"]
    (tmp_path / "a" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UnavailableError, match=r"no model\.onnx"):
        get_backend("onnxruntime").prepare(Artifact.open(tmp_path / "a"), PrepareOptions())


def test_onnx_of_the_fixture_is_valid(calibrated: Artifact) -> None:
    assert calibrated.model_onnx is not None
    onnx.checker.check_model(onnx.load(calibrated.model_onnx))
