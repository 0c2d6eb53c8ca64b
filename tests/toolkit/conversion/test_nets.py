# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Net pairs from years ago (tests/golden/old_nets, made by real Caffe2's own helpers) through every verb."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from google.protobuf import text_format
from PIL import Image

from mdeploy import native
from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.caffe2.check import check_nets
from mdeploy.caffe2.files import read_net
from mdeploy.caffe2.messages import NetDef
from mdeploy.caffe2.pair import NetPair, data_inputs, output_meaning, outputs
from mdeploy.cli.main import run
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.run import run_parity
from mdeploy.comparison.tolerance import Tolerance, compare
from mdeploy.conversion.model import Conversion, ConvertOptions
from mdeploy.conversion.nets import find_nets, import_nets
from mdeploy.conversion.sources import SourceOptions
from mdeploy.deployment.package.cross import harness
from mdeploy.errors import InputError, MdeployError, UnsupportedError, UsageError
from mdeploy.formats.artifact import Artifact
from mdeploy.formats.manifest import InputSpec
from mdeploy.inspection import inspect
from mdeploy.tensors import TensorSpec

OLD_NETS = Path(__file__).resolve().parents[2] / "golden" / "old_nets"
CASES = ("lenet", "mobilenet", "caffenet", "squeezenet", "nhwc", "hand_written")
MEANINGS = {"nhwc": "log_probabilities"}

Floats = npt.NDArray[np.float32]


def example(case: str) -> tuple[Floats, Floats]:
    """An input, and what real Caffe2 answered to it when the nets were made."""
    return np.load(OLD_NETS / case / "input_0.npy"), np.load(OLD_NETS / case / "output_0.npy")


def import_case(folder: Path, output: Path, shape: tuple[int, ...] = (), **options: Any) -> Conversion:
    files = find_nets([folder])
    assert files is not None
    source = SourceOptions(input_shapes={"data": shape} if shape else {})
    return import_nets(files, ConvertOptions(output=output, source=source, **options))


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Conversion]:
    """Every case as an artifact, its golden outputs by real Caffe2."""
    if not get_backend("caffe2").availability().available:
        pytest.skip("real Caffe2 is not set up")
    folder = tmp_path_factory.mktemp("imported")
    return {case: import_case(OLD_NETS / case, folder / case, example(case)[0].shape) for case in CASES}


def assert_close(case: str, expected: Floats, actual: npt.NDArray[Any]) -> None:
    comparison = compare(expected, actual, MEANINGS.get(case, "probabilities"), Tolerance(1e-5))
    assert comparison.passed, comparison


@pytest.mark.parametrize("case", CASES)
def test_gives_what_real_caffe2_gave(case: str, imported: dict[str, Conversion], tmp_path: Path) -> None:
    artifact = imported[case].artifact
    data, expected = example(case)
    for name in ("mdeploy", "caffe2"):
        session = get_backend(name).prepare(artifact, PrepareOptions())
        try:
            assert_close(case, expected, session.run([data])[0])
        finally:
            session.close()
    np.save(tmp_path / "data.npy", data)
    # The harness takes the pair as it was given, without an artifact: the input's file gives the shape.
    init = next((OLD_NETS / case).glob("init_net.pb*"))
    predict = next((OLD_NETS / case).glob("predict_net.pb*"))
    command = [harness("host"), "--init", init, "--predict", predict, "--input", tmp_path / "data.npy"]
    done = subprocess.run(
        [*command, "--output", tmp_path, "--runs", "1", "--warmup", "0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    declared = list(read_net(predict).external_output)  # by-products and all
    position = declared.index(artifact.manifest.outputs[0].name) if declared else 0
    assert_close(case, expected, np.load(tmp_path / f"output_{position}.npy"))


@pytest.mark.parametrize("case", CASES)
def test_the_artifact_is_in_our_form(case: str, imported: dict[str, Conversion]) -> None:
    artifact = Artifact.open(imported[case].artifact.path)
    manifest = artifact.manifest
    init, predict = read_net(artifact.init_net), read_net(artifact.predict_net)
    assert check_nets(NetPair(init, predict)) == []
    assert predict.external_input[0] == manifest.inputs[0].name == "data"
    assert "data" not in {blob for op in init.op for blob in op.output}
    assert [spec.name for spec in manifest.outputs] == list(predict.external_output)
    assert len(manifest.outputs) == 1
    assert not any(op.HasField("device_option") for op in predict.op)
    assert (manifest.source.kind, manifest.reference) == ("caffe2", "caffe2")
    assert manifest.source.init_file == next((OLD_NETS / case).glob("init_net.pb*")).name
    assert manifest.outputs[0].meaning == MEANINGS.get(case, "probabilities")
    assert manifest.inputs[0].layout == ("NHWC" if case == "nhwc" else "NCHW")
    found = inspect(artifact.path)
    assert sum(op.macs or 0 for op in found.operators) == manifest.macs > 0
    # Floats are packed: 4 bytes a weight and little more.
    assert artifact.init_net.stat().st_size < 4.3 * manifest.parameters + 100 * len(init.op)


def test_says_what_it_changed(imported: dict[str, Conversion]) -> None:
    told = {case: " | ".join(conversion.messages) for case, conversion in imported.items()}
    assert "12 operators were placed on a GPU" in told["caffenet"]
    assert "no operator reads were left out: label" in told["caffenet"]
    assert "declares no output; it is the last operator's, prob" in told["caffenet"]
    assert "by-products of operators are no outputs: _dropped_mask" in told["mobilenet"]
    assert "_fire2/concat_dims" in told["squeezenet"]
    assert told["nhwc"] == told["hand_written"] == ""


def test_parity_names_the_reference_and_what_cannot_run(imported: dict[str, Conversion]) -> None:
    report = run_parity(ParityRequest(imported["lenet"].artifact, tolerance=Tolerance(1e-5)))
    assert report.reference == "real Caffe2"
    assert report.exit_code == 0
    status = {backend.name: backend for backend in report.backends}
    assert {status["mdeploy"].status, status["caffe2"].status} == {"passed"}
    assert "which PyTorch cannot run" in status["torch"].reason
    assert "no model.onnx" in status["onnxruntime"].reason


def test_every_verb_works_on_it(
    imported: dict[str, Conversion],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    artifact = str(imported["mobilenet"].artifact.path)
    assert run(["bench", artifact, "--runs", "2", "--warmup", "0", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["passed"] for row in report["parity"]] == [True] * 3
    Image.fromarray(np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)).save("picture.png")
    assert run(["predict", artifact, "picture.png", "--json"]) == 0
    predicted = json.loads(capsys.readouterr().out)
    assert [backend["name"] for backend in predicted["backends"]] == ["mdeploy", "caffe2"]
    assert predicted["pictures"][0]["max_difference"] < 1e-5
    assert run(["package", artifact, "--target", "host"]) == 0
    with zipfile.ZipFile(tmp_path / "mobilenet-host.zip") as archive:
        assert {"init_net.pb", "predict_net.pb", "manifest.json"} <= set(archive.namelist())


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Both orders of two files, one file and a folder; without real Caffe2 our runtime answers, and says so."""
    monkeypatch.setenv("MDEPLOY_CAFFE2_PYTHON", "/nowhere/python")
    case = OLD_NETS / "hand_written"
    init, predict = str(case / "init_net.pbtxt"), str(case / "predict_net.pbtxt")
    shape = ["--input-shape", "data=1,3,9,11", "--json"]
    for number, paths in enumerate(([init, predict], [predict, init], [predict], [str(case)])):
        folder = tmp_path / str(number)
        flags = ["--mean", "0.5,0.5,0.5", "--std", "0.25,0.25,0.25", "--color-order", "bgr", "--name", "typed"]
        assert run(["convert", *paths, *shape, *flags, "-o", str(folder)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["manifest"]["reference"] == "mdeploy"
        assert "our runtime gave the golden outputs" in told["messages"][0]
        spec = told["manifest"]["inputs"][0]
        assert (spec["color_order"], spec["mean"], told["manifest"]["name"]) == ("bgr", [0.5, 0.5, 0.5], "typed")
    assert run(["parity", str(folder)]) == 0
    assert "agrees with mdeploy runtime" in " ".join(capsys.readouterr().out.split())
    assert run(["convert", init, *shape, "-o", str(tmp_path / "no")]) != 0
    assert run(["convert", init, predict, predict]) == 2
    for flag in (["--model", "a:b"], ["--skip-pass", "x"], ["--exporter", "dynamo"]):
        assert run(["convert", init, predict, *shape, *flag, "-o", str(tmp_path / "no")]) == 2
    assert not (tmp_path / "no").exists()


def test_unpacked_weights_are_caffe2s_own_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDEPLOY_CAFFE2_PYTHON", "/nowhere/python")
    sizes = {
        packed: import_case(OLD_NETS / "lenet", tmp_path / str(packed), (1, 1, 28, 28), packed=packed).artifact
        for packed in (True, False)
    }
    given = (OLD_NETS / "lenet" / "init_net.pb").stat().st_size
    parameters = sizes[True].manifest.parameters
    assert sizes[True].init_net.stat().st_size < given - parameters + 200
    assert given - 100 < sizes[False].init_net.stat().st_size < given + 200
    nets = [read_net(artifact.init_net) for artifact in sizes.values()]
    assert nets[0] == nets[1]


Edit = Callable[[Any, Any], None]


def edited(folder: Path, case: str, edit: Edit) -> Path:
    """A copy of a case with its nets changed, as binary files."""
    source = OLD_NETS / case
    nets = [read_net(next(source.glob(f"{name}_net.pb*"))) for name in ("init", "predict")]
    edit(*nets)
    folder.mkdir(exist_ok=True)
    for name, net in zip(("init", "predict"), nets, strict=True):
        (folder / f"{name}_net.pb").write_bytes(net.SerializeToString())
    return folder


def random_fills(init: Any, _predict: Any) -> None:
    for op, kind in zip(init.op, ("XavierFill", "GaussianFill"), strict=False):
        op.type = kind
        del op.arg[1:]


def training(_init: Any, predict: Any) -> None:
    for op in predict.op:
        for arg in op.arg:
            if arg.name == "is_test":
                arg.i = 0
    predict.op.add(type="SoftmaxGradient", input=["prob", "prob"], output=["d"])
    predict.op.add(type="TensorProtosDBInput", output=["x", "y"])


def no_reason(_init: Any, _predict: Any) -> None:
    """Leave them as they are."""


def other_weights(init: Any, _predict: Any) -> None:
    for op in init.op:
        op.output[0] += "_elsewhere"


def cut_weights(init: Any, _predict: Any) -> None:
    del init.op[0].arg[1].floats[-1]


def padded_twice(_init: Any, predict: Any) -> None:
    predict.op[0].arg.add(name="pads", ints=[1, 1])
    predict.op[0].arg.add(name="kernels", ints=[5, 5])


@pytest.mark.parametrize(
    ("case", "edit", "error", "words"),
    [
        ("lenet", random_fills, UnsupportedError, ("2 nodes", "conv1_w", "XavierFill", "random", "GaussianFill")),
        ("mobilenet", training, UnsupportedError, ("Dropout", "is_test=0", "gradient", "database", "SpatialBN")),
        ("lenet", no_reason, UsageError, ("data has none", "--input-shape data=1,1,224,224")),
        ("nhwc", no_reason, UsageError, ("--input-shape data=1,224,224,3",)),
        ("lenet", other_weights, InputError, ("reads", "conv1_w", "one pair")),
        ("lenet", cut_weights, InputError, ("conv1_w", "149 values", "[6, 1, 5, 5]")),
        ("lenet", padded_twice, InputError, ("2 pads for 2 kernel sizes",)),
    ],
)
def test_refused(case: str, edit: Edit, error: type[MdeployError], words: tuple[str, ...], tmp_path: Path) -> None:
    shape = () if edit is no_reason else example(case)[0].shape
    with pytest.raises(error) as caught:
        import_case(edited(tmp_path / case, case, edit), tmp_path / "out", shape)
    for word in words:
        assert word in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_the_runtime_gives_the_same_reason(tmp_path: Path) -> None:
    folder = edited(tmp_path / "lenet", "lenet", random_fills)
    specs = [TensorSpec("data", (1, 1, 28, 28))]
    with pytest.raises(UnsupportedError, match="random numbers") as caught:
        native.load_net(NetPair(folder / "init_net.pb", folder / "predict_net.pb"), specs)
    assert "XavierFill" in str(caught.value)


def test_files_that_are_no_pair(tmp_path: Path) -> None:
    predict = OLD_NETS / "lenet" / "predict_net.pb"
    with pytest.raises(InputError, match="do not belong together"):
        find_nets([predict, OLD_NETS / "nhwc" / "predict_net.pb"])
    alone = shutil.copy(predict, tmp_path / "model.pb")
    with pytest.raises(InputError, match="no init net beside it"):
        find_nets([Path(alone)])
    assert find_nets([tmp_path]) is None
    (tmp_path / "model.onnx").write_bytes(b"not a net")
    assert find_nets([tmp_path / "model.onnx"]) is None


@pytest.mark.parametrize("verb", ["parity", "bench", "evaluate"])
def test_verbs_say_that_bare_nets_are_converted_first(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--data", str(OLD_NETS)] if verb == "evaluate" else []
    for place in (OLD_NETS / "lenet", OLD_NETS / "hand_written", OLD_NETS / "lenet" / "predict_net.pb"):
        assert run([verb, str(place), *more]) == 3
        assert f"make one: mdeploy convert {place}" in capsys.readouterr().err


def test_input_given_by_its_own_fill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some exporters leave the last image in the init net: its shape is the input's."""
    monkeypatch.setenv("MDEPLOY_CAFFE2_PYTHON", "/nowhere/python")

    def fill(init: Any, predict: Any) -> None:
        init.op.add(type="GivenTensorFill", output=["data"])
        init.op[-1].arg.add(name="shape", ints=[1, 16, 16, 3])
        init.op[-1].arg.add(name="values", floats=[0.5] * (16 * 16 * 3))
        names = [name for name in predict.external_input if name != "data"]
        predict.external_input[:] = ["data", *names]

    artifact = import_case(edited(tmp_path / "filled", "nhwc", fill), tmp_path / "out").artifact
    assert artifact.manifest.inputs == (InputSpec("data", (1, 16, 16, 3), layout="NHWC", color_order="rgb"),)


def test_what_a_pair_leaves_unsaid() -> None:
    init = NetDef()
    predict = text_format.Parse(
        """
        op { type: "Conv" input: "x" input: "w" output: "y" } op { type: "Softmax" input: "y" output: "p" }
        op { type: "Reshape" input: "p" output: "p" output: "old" arg { name: "shape" ints: 1 ints: -1 } }
        op { type: "Relu" input: "y" output: "z" }
        """,
        NetDef(),
    )
    assert data_inputs(NetPair(init, predict)) == ["x", "w"]  # nothing declared: what is read and never made
    init.op.add(type="GivenTensorFill", output=["w"]).arg.add(name="shape", ints=[4, 3, 1, 1])
    assert data_inputs(NetPair(init, predict)) == ["x"]
    assert outputs(predict) == ["z"]
    predict.external_output[:] = ["old", "p"]
    assert outputs(predict) == ["p"]
    assert output_meaning(predict, "p") == "probabilities"
    assert output_meaning(predict, "z") == "logits"
