# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The registry, and the backends that run inside this process."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from mdeploy.backends.base import Backend, LocalSession, PrepareOptions, Session
from mdeploy.backends.lineup import select_backends
from mdeploy.backends.onnxruntime import OnnxRuntimeSession
from mdeploy.backends.registry import BACKENDS, get_backend
from mdeploy.backends.table import CONVERTED, info_of
from mdeploy.backends.torch import TorchSession
from mdeploy.errors import InputError, UnavailableError, UnsupportedError, UsageError
from mdeploy.formats.artifact import Artifact

# Their converters are several GB, so the tests' environment goes without them.
_HEAVY = ("litert", "executorch")


def _skip(backend: Backend, reason: str) -> None:
    pytest.skip(f"{'not applicable: ' if backend.name in _HEAVY else ''}{backend.title}: {reason}")


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_follows_the_protocol(name: str, calibrated: Artifact) -> None:
    backend = get_backend(name)
    assert isinstance(backend, Backend)
    assert (backend.name, backend.title) == (name, info_of(name).title)
    availability = backend.availability()
    assert availability.version if availability.available else availability.reason
    if not availability.available:
        _skip(backend, availability.reason)
    case = calibrated.golden_cases()[0]
    try:
        session = backend.prepare(calibrated, PrepareOptions(threads=1))
    except UnavailableError as error:  # its files cannot be made here
        _skip(backend, str(error))
    with session:
        assert isinstance(session, Session)
        assert session.load_seconds > 0
        assert session.last_run_seconds == 0
        start = time.perf_counter()
        outputs = session.run(case.inputs)
        assert 0 < session.last_run_seconds < time.perf_counter() - start
        np.testing.assert_allclose(outputs[0], case.outputs[0], atol=1e-4)
        seconds = session.time_runs(case.inputs, 3)
        assert len(seconds) == 3
        assert all(one > 0 for one in seconds)
        assert (session.pid == os.getpid()) == isinstance(session, LocalSession)
        os.kill(session.pid, 0)
        assert session.files
        assert all(path.is_file() for path in session.files)
    session.close()


def test_a_session_that_leaves_something_out_cannot_be_made() -> None:
    """So that nobody is timed with the pipe, or given another process's memory, without a word."""
    whole = {name for name in vars(Session) | vars(Session.__bases__[0]) if name in Session.__abstractmethods__}
    assert whole == {"run", "time_runs", "load_seconds", "last_run_seconds", "pid", "files", "close"}
    for left_out in whole:
        parts = {name: lambda *_: None for name in whole - {left_out}}
        with pytest.raises(TypeError, match=left_out):
            type("Forgetful", (Session,), parts)()


def test_the_table_is_the_only_list(pytestconfig: pytest.Config) -> None:
    """Packages that users install by the name of a backend are those that the table says it needs."""
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((pytestconfig.rootpath / "pyproject.toml").read_text())["project"]
    core = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    convert = {re.match(r"[\w-]+", line)[0] for line in project["optional-dependencies"]["convert"]}
    for name in CONVERTED:
        offered = {re.match(r"[\w-]+", line)[0] for line in project["optional-dependencies"][name]}
        needed = set(info_of(name).packages) - core
        assert offered == (needed - convert | {"mdeploy"} if needed & convert else needed), name
    light = {name for name in CONVERTED if not info_of(name).heavy}
    (ours,) = (line for line in project["optional-dependencies"]["dev"] if line.startswith("mdeploy["))
    assert light <= set(re.findall(r"\w+", ours))


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
    def model(self, folder: Path, op: str = "Relu", domain: str = "") -> Path:
        node = helper.make_node(op, ["x"], ["y"], domain=domain)
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])
        opsets = [helper.make_opsetid("", 13)] + ([helper.make_opsetid(domain, 1)] if domain else [])
        onnx.save(
            helper.make_model(helper.make_graph([node], "g", [x], [y]), opset_imports=opsets), folder / "model.onnx"
        )
        return folder / "model.onnx"

    def test_runs_by_position(self, tmp_path: Path) -> None:
        session = OnnxRuntimeSession(self.model(tmp_path), PrepareOptions(threads=1))
        np.testing.assert_array_equal(session.run([np.array([[-1, 0, 2]], np.float32)])[0], [[0, 0, 2]])
        session.close()
        session.close()

    @pytest.mark.parametrize("data", [b"junk", b""])
    def test_what_is_no_model_is_bad_input(self, data: bytes, tmp_path: Path) -> None:
        (tmp_path / "model.onnx").write_bytes(data)
        with pytest.raises(InputError, match=r"model\.onnx: onnxruntime") as caught:
            OnnxRuntimeSession(tmp_path / "model.onnx", PrepareOptions())
        assert "\n" not in str(caught.value)

    def test_an_unknown_operator(self, tmp_path: Path) -> None:
        with pytest.raises((UnsupportedError, InputError), match="Nope"):
            OnnxRuntimeSession(self.model(tmp_path, "Nope", "my.domain"), PrepareOptions())

    def test_wrong_inputs(self, tmp_path: Path) -> None:
        session = OnnxRuntimeSession(self.model(tmp_path), PrepareOptions())
        with pytest.raises(InputError, match="1 inputs expected, 2 given"):
            session.run([np.zeros((1, 3), np.float32)] * 2)
        with pytest.raises(InputError, match="onnxruntime"):
            session.run([np.zeros((2, 2), np.float32)])


class TestTorch:
    def test_nested_outputs_are_flattened_in_order(self) -> None:
        class Module(torch.nn.Module):
            def forward(self, x: torch.Tensor, y: torch.Tensor) -> object:
                return {"a": x + y, "b": (x - y, [x * y])}

        session = TorchSession(Module().eval(), PrepareOptions(), [], 0.0)
        x, y = np.array([3.0], np.float32), np.array([2.0], np.float32)
        assert [float(value[0]) for value in session.run([x, y])] == [5.0, 1.0, 6.0]

    def test_inputs_are_not_changed(self) -> None:
        class InPlace(torch.nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x.add_(1)

        x = np.zeros(3, np.float32)
        TorchSession(InPlace().eval(), PrepareOptions(), [], 0.0).run([x])
        assert not x.any()

    def changed(self, calibrated: Artifact, folder: Path, **source: object) -> Artifact:
        shutil.copytree(calibrated.path, folder / "a")
        manifest = json.loads((folder / "a" / "manifest.json").read_text())
        manifest["source"].update(source)
        (folder / "a" / "manifest.json").write_text(json.dumps(manifest))
        return Artifact.open(folder / "a")

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [("onnx", "cannot run"), ("caffe2", "cannot run"), ("state_dict", "name its code again: --model")],
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
