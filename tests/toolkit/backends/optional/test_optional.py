# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Optional backends: parity, files in the artifact and in the cache, what is missing, what is broken."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mdeploy.backends.base import PrepareOptions
from mdeploy.backends.lineup import select_backends
from mdeploy.backends.optional import environment, files
from mdeploy.backends.optional.files import find_files, make_files, maker, net_spec, select_makers
from mdeploy.backends.optional.module import NetSpec, module_of
from mdeploy.backends.optional.process import OptionalProcess, OptionalSession
from mdeploy.backends.registry import get_backend
from mdeploy.backends.table import BACKENDS, CONVERTED, BackendInfo, info_of
from mdeploy.cli.main import run
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.run import run_parity
from mdeploy.comparison.tolerance import Tolerance
from mdeploy.deployment.package.layout import payload
from mdeploy.errors import InputError, UnavailableError, UnsupportedError, UsageError
from mdeploy.formats.artifact import Artifact, ArtifactWriter, GoldenEntry
from mdeploy.formats.manifest import InputSpec, Manifest, OutputSpec, Source

GOLDEN = Path(__file__).parents[3] / "golden" / "optional"
PLAIN = tuple(name for name in CONVERTED if not info_of(name).heavy)
"""Small wheels, which CI installs with their converters."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_cache", lambda: cache)


def needs(name: str) -> BackendInfo:
    info = info_of(name)
    if environment.find_home(info, info.run) is None:
        pytest.skip(f"{info.title}: {environment.why_missing(info, info.run)}")
    return info


@pytest.mark.parametrize("name", PLAIN)
def test_parity(name: str, calibrated: Artifact) -> None:
    needs(name)
    report = run_parity(ParityRequest(calibrated, [name], PrepareOptions(threads=1), tolerance=Tolerance(1e-5)))
    (result,) = report.backends
    assert result.status == "passed", result.reason
    assert len(result.outputs) == 3


def tiny(folder: Path, **contents: bytes) -> Artifact:
    """An artifact around tiny.onnx whose nets are never run, with files of optional backends."""
    model = (GOLDEN / "tiny.onnx").read_bytes()
    x = np.random.default_rng(1).normal(size=(1, 3, 8, 8)).astype(np.float32)
    (y,) = onnxruntime.InferenceSession(model).run(None, {"x": x})
    manifest = Manifest(
        name="tiny",
        source=Source("onnx", "tiny.onnx", "0" * 64),
        tools={"mdeploy": "0"},
        inputs=(InputSpec("x", (1, 3, 8, 8)),),
        outputs=(OutputSpec("y", (1, 5), meaning="probabilities"),),
    )
    with ArtifactWriter(folder) as writer:
        writer.add_file("model.onnx", model)
        for net in ("init_net.pb", "predict_net.pb"):
            writer.add_file(net, b"")
        for path, content in contents.items():
            writer.add_file(path, content)
        writer.add_golden(GoldenEntry("random", "random"), [x], [y])
        return writer.finish(manifest)


@pytest.mark.parametrize(("name", "file"), [("litert", "tiny.tflite"), ("executorch", "tiny.pte")])
def test_a_file_in_the_artifact_is_what_runs(
    name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "executorch":  # not in this environment: see tests/conftest.py
        monkeypatch.delenv("MDEPLOY_EXECUTORCH_PYTHON", raising=False)
        if not get_backend(name).availability().available:
            pytest.skip("not applicable: ExecuTorch brings a torch of its own (mdeploy doctor --install executorch)")
    needs(name)
    artifact = tiny(tmp_path / "a", **{f"{name}/model{Path(file).suffix}": (GOLDEN / file).read_bytes()})
    case = artifact.golden_cases()[0]
    session = get_backend(name).prepare(artifact, PrepareOptions(threads=1))
    try:
        for _ in range(2):
            np.testing.assert_allclose(session.run(case.inputs)[0], case.outputs[0], atol=1e-6)
    finally:
        session.close()


@pytest.mark.parametrize("name", ["litert", "executorch", "coreml"])
def test_heavy_makers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"MDEPLOY_{name.upper()}_PYTHON", raising=False)
    if not os.environ.get("MDEPLOY_TEST_MAKERS"):
        pytest.skip("not applicable: converters of several GB; MDEPLOY_TEST_MAKERS=1 runs those that are installed")
    info = info_of(name)
    artifact = tiny(tmp_path / "a")
    case = artifact.golden_cases()[0]
    made, spec = tmp_path / "made", net_spec(artifact.manifest)
    assert make_files(info, maker(info), artifact.path / "model.onnx", made, spec)
    if info.run:
        home = environment.find_home(info, info.run)
        assert home is not None
        session = OptionalSession(info, home, made, spec, 1)
        np.testing.assert_allclose(session.run(case.inputs)[0], case.outputs[0], atol=1e-6)
        session.close()


class TestCache:
    def test_files_are_made_once(self, calibrated: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
        info = needs("openvino")
        first = find_files(info, calibrated)
        monkeypatch.setattr(files, "make_files", lambda *_: pytest.fail("made again"))
        assert find_files(info, calibrated) == first
        assert {path.name for path in first.iterdir()} == {"model.xml", "model.bin"}

    def test_a_failed_conversion_leaves_nothing(self, tmp_path: Path, cache: Path) -> None:
        info = needs("openvino")
        before = set(cache.iterdir())
        shutil.copytree(tiny(tmp_path / "a").path, tmp_path / "b")
        (tmp_path / "b" / "model.onnx").write_bytes(b"junk")
        broken = Artifact(tmp_path / "b", Artifact.open(tmp_path / "a").manifest)
        with pytest.raises(UnavailableError, match="no file can be made of this model: OpenVINO"):
            find_files(info, broken)
        assert set(cache.iterdir()) == before

    def test_it_does_not_grow_for_ever(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "_KEPT", 2)
        for age in range(4):
            (cache / f"old-{age}").mkdir()
            os.utime(cache / f"old-{age}", (age, age))
        files._prune(cache)
        assert len(list(cache.iterdir())) == 2


@pytest.fixture(scope="module")
def with_files(calibrated: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """An artifact that has other runtimes' files."""
    needs("mnn")
    folder = tmp_path_factory.mktemp("also") / "out"
    source = str(calibrated.path.parent / "net.pt")
    assert run(["convert", source, "-o", str(folder), "--also", "mnn,openvino"]) == 0
    return Artifact.open(folder)


class TestAlso:
    def test_files_are_listed_with_their_hashes(self, with_files: Artifact) -> None:
        made = {name for name in with_files.manifest.files if name.startswith(("mnn/", "openvino/"))}
        assert made == {"mnn/model.mnn", "openvino/model.xml", "openvino/model.bin"}
        assert {"MNN", "openvino"} <= set(with_files.manifest.tools)

    def test_they_are_what_runs(self, with_files: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "maker", lambda _info: pytest.fail("made again"))
        report = run_parity(
            ParityRequest(with_files, ["mnn", "openvino"], PrepareOptions(threads=1), tolerance=Tolerance(1e-5))
        )
        assert [result.status for result in report.backends] == ["passed", "passed"]

    def test_a_changed_file_is_refused(self, with_files: Artifact, tmp_path: Path) -> None:
        shutil.copytree(with_files.path, tmp_path / "a")
        with (tmp_path / "a" / "mnn" / "model.mnn").open("r+b") as file:
            file.write(b"\xff")
        with pytest.raises(InputError, match=r"mnn/model\.mnn: SHA-256 differs"):
            Artifact.open(tmp_path / "a")

    def test_packages_stay_what_they_are(self, with_files: Artifact) -> None:
        assert not [name for name in payload(with_files) if "/" in name and not name.startswith("golden/")]

    def test_what_is_missing_is_said_before_any_work(
        self, calibrated: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("LITERT", "COREML"):
            monkeypatch.setenv(f"MDEPLOY_{name}_PYTHON", str(tmp_path / "none"))
        source, out = str(calibrated.path.parent / "net.pt"), tmp_path / "out"
        assert run(["convert", source, "-o", str(out), "--also", "litert,coreml"]) == 5
        error = capsys.readouterr().err
        assert "mdeploy doctor --install litert" in error
        assert "mdeploy doctor --install coreml" in error
        assert run(["convert", source, "-o", str(out), "--also", "tensorrt"]) == 2
        assert "openvino, ncnn, mnn, litert, executorch, coreml" in capsys.readouterr().err
        assert not out.exists()

    def test_names(self) -> None:
        assert select_makers([]) == []
        with pytest.raises(UsageError, match="no files are made for torch"):
            select_makers(["torch"])
        with pytest.raises(UnavailableError, match="convert --also coreml"):
            get_backend("coreml")


class TestEnvironment:
    def test_every_module_has_what_its_row_says(self) -> None:
        for name in CONVERTED:
            info, module = info_of(name), module_of(name)
            assert info.optional
            assert info.packages
            assert callable(module.make)
            assert callable(getattr(module, "load", None)) == bool(info.run) == (name in BACKENDS)

    def test_missing_is_a_reason_with_a_remedy(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(environment, "_versions", lambda *_: None)
        monkeypatch.setenv("MDEPLOY_LITERT_PYTHON", str(tmp_path / "none"))
        missing = {name: absent for name, absent in select_backends().missing if name in CONVERTED}
        assert set(missing) == set(CONVERTED) & set(BACKENDS)
        assert missing["openvino"].install == "pip install openvino"
        assert missing["executorch"].install == "mdeploy doctor --install executorch"
        assert "MDEPLOY_LITERT_PYTHON" in missing["litert"].reason
        with pytest.raises(UnavailableError, match="pip install ncnn"):
            select_backends(["ncnn"])

    def test_the_users_variable_decides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        info = needs("mnn")
        monkeypatch.setenv("MDEPLOY_MNN_PYTHON", sys.executable)
        home = environment.find_home(info, info.run)
        assert home is not None
        assert str(home.python) == sys.executable
        assert environment.find_home(info, ("no-such-distribution",)) is None

    def test_install_makes_the_environment_and_fills_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        commands: list[list[str]] = []
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(environment, "run_step", lambda command, _what: commands.append(command))
        said: list[str] = []
        python = environment.install(info_of("litert"), said.append)
        assert python == tmp_path / "mdeploy" / "peers" / "bin" / "python"
        assert commands[0] == [sys.executable, "-m", "venv", str(tmp_path / "mdeploy" / "peers")]
        assert commands[1][:4] == [str(python), "-m", "pip", "install"]
        assert {"ai-edge-litert", "litert-torch", "torch", "onnx", "numpy"} <= set(commands[1])
        assert any("several GB" in line for line in said)

    def test_install_says_what_failed(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(UnavailableError, match="making the environment failed: exit code 1"):
            environment.install(info_of("mnn"))

    def test_an_environment_apart_is_found(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """By its interpreter and the metadata in its site-packages; nothing of it is started."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.delenv("MDEPLOY_LITERT_PYTHON", raising=False)
        home = tmp_path / "mdeploy" / "peers"
        python, site = home / "bin" / "python", home / "lib" / "python3.11" / "site-packages"
        for name in ("litert-torch", "torch", "onnx"):
            info = site / f"{name.replace('-', '_')}-9.9.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9\n")
        assert environment.find_home(info_of("litert"), info_of("litert").make) is None  # no interpreter yet
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
        found = environment.find_home(info_of("litert"), info_of("litert").make)
        assert found is not None
        assert (found.python, found.versions["litert-torch"]) == (python, "9.9")

    def test_a_distribution_that_does_not_import(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A half-installed package: a reason, not a traceback."""
        info = needs("openvino")
        (tmp_path / "openvino.py").write_text("raise ImportError('libsomething.so.1: cannot open shared object file')")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        home = environment.find_home(info, info.run)
        assert home is not None
        spec = NetSpec((), ())
        with pytest.raises(UnavailableError, match=r"OpenVINO does not start: libsomething\.so\.1"):
            OptionalSession(info, home, tmp_path, spec, 1)


class TestProcess:
    def session(self, calibrated: Artifact) -> OptionalSession:
        needs("openvino")
        session = get_backend("openvino").prepare(calibrated, PrepareOptions(threads=1))
        assert isinstance(session, OptionalSession)
        return session

    def test_wrong_inputs(self, calibrated: Artifact) -> None:
        session = self.session(calibrated)
        with pytest.raises(InputError, match="1 inputs expected, 2 given"):
            session.run([np.zeros((1, 3, 32, 32), np.float32)] * 2)
        with pytest.raises(InputError, match=r"takes \[1, 3, 32, 32\], \[1, 3, 8, 8\] given"):
            session.run([np.zeros((1, 3, 8, 8), np.float32)])
        session.close()
        session.close()

    def test_a_death_is_an_error_not_a_hang(self, calibrated: Artifact) -> None:
        session = self.session(calibrated)
        os.kill(session.pid, signal.SIGKILL)
        time.sleep(0.05)
        with pytest.raises(InputError, match="OpenVINO ended by itself"):
            session.run([np.zeros((1, 3, 32, 32), np.float32)])

    @pytest.mark.parametrize("name", [*PLAIN, "litert"])
    def test_damaged_files(self, name: str, tmp_path: Path) -> None:
        """Whatever the runtime does with junk, it comes back as one line."""
        info = needs(name)
        home = environment.find_home(info, info.run)
        assert home is not None
        for file in ("model.xml", "model.bin", "model.mnn", "model.param", "model.tflite"):
            (tmp_path / file).write_bytes(b"\x13junk" * 50)
        with pytest.raises((InputError, UnsupportedError)) as caught:
            OptionalSession(info, home, tmp_path, NetSpec((), ()), 1)
        assert "\n" not in str(caught.value)
        assert info.title in str(caught.value)

    def test_the_process_knows_its_versions(self) -> None:
        info = needs("mnn")
        home = environment.find_home(info, info.run)
        assert home is not None
        with OptionalProcess(info, home) as process:
            assert process.versions["MNN"] == home.versions["MNN"]


def test_predict_and_evaluate_take_optional_backends(
    calibrated: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs("openvino")
    from PIL import Image

    folder = tmp_path / "set" / "ship"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(2)
    for i in range(3):
        Image.fromarray(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    flags: Sequence[str] = ["--backends", "onnxruntime,openvino", "--json"]
    assert run(["predict", str(calibrated.path), str(folder), "--markdown", str(tmp_path / "4.md"), *flags]) == 0
    report = json.loads(capsys.readouterr().out)
    assert all(image["max_difference"] < 1e-5 for image in report["pictures"])
    assert "OpenVINO score" in (tmp_path / "4.md").read_text()
    data = ["--data", str(folder.parent), "--markdown", str(tmp_path / "5.md")]
    for ahead in ("0", "1", "3"):
        assert run(["evaluate", str(calibrated.path), *data, "--ahead", ahead, *flags]) == 0
        (result,) = json.loads(capsys.readouterr().out)["sets"]
        assert [row["runtime"] for row in result["runtimes"]] == ["onnxruntime", "openvino"]
        assert result["runtimes"][1]["agreement"]["count"] == 3
    assert "| OpenVINO |" in (tmp_path / "5.md").read_text()
    assert "same class for every image" in (tmp_path / "5.md").read_text()
