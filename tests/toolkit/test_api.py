# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``import mdeploy``: its names, what importing it costs, and every function on the bundled net."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mdeploy

FUNCTIONS = ("convert", "load", "parity", "predict", "evaluate", "package", "bench")

IMPORT_EVERYTHING = """
import importlib, pkgutil, mdeploy
for found in pkgutil.walk_packages(mdeploy.__path__, "mdeploy."):
    if not found.name.endswith(("__main__", "caffe2.child")):  # programs
        try:
            importlib.import_module(found.name)
        except ImportError as error:  # an optional runtime that is not installed
            assert not (error.name or "").startswith("mdeploy"), error
"""


def run_python(program: str, folder: Path | None = None) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_names() -> None:
    assert sorted(mdeploy.__all__) == mdeploy.__all__
    assert {*FUNCTIONS} <= {*mdeploy.__all__} <= {*dir(mdeploy)}
    for name in mdeploy.__all__:
        assert not isinstance(getattr(mdeploy, name), ModuleType)
    assert not hasattr(mdeploy, "no_such_name")


def test_what_type_checkers_see_is_what_there_is() -> None:
    source = Path(mdeploy.__file__).read_text(encoding="utf-8")
    block = source.split("if TYPE_CHECKING:")[1].split("__all__")[0]
    imported = re.sub(r"from \S+ import", "", block)
    assert {*re.findall(r"\w+", imported)} == {*mdeploy.__all__} - {"__version__"}


def test_the_import_is_light() -> None:
    heavy = run_python(
        "import sys, mdeploy\n"
        "heavy = {'torch', 'numpy', 'onnx', 'onnxruntime', 'click', 'rich', 'PIL', 'jsonschema', 'google'}\n"
        "print(*sorted(heavy & {*sys.modules}), sum(name.startswith('mdeploy') for name in sys.modules))"
    )
    assert heavy.split() == ["2"]  # of mdeploy's modules the package and its version


def test_errors_are_light_too() -> None:
    assert run_python("import sys, mdeploy\nmdeploy.InputError\nprint('numpy' in sys.modules)").strip() == "False"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_documented_and_typed(name: str) -> None:
    function = getattr(mdeploy, name)
    assert "::" in function.__doc__, "an example"
    assert "Raises:" in function.__doc__
    for parameter in inspect.signature(function).parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty
    assert inspect.signature(function).return_annotation is not inspect.Signature.empty


def test_every_function_after_every_module(bundled_checkpoint: Path, tmp_path: Path) -> None:
    """Importing a subpackage puts its name into the package: none may hide a function."""
    shutil.copy(bundled_checkpoint, tmp_path / "ckpt.pt")
    labelled = tmp_path / "test" / "ship"
    labelled.mkdir(parents=True)
    shutil.copy(bundled_checkpoint.parent / "demo_picture.png", labelled / "1.png")
    said = run_python(
        IMPORT_EVERYTHING
        + """
from pathlib import Path
made = mdeploy.convert("ckpt.pt", output="out", name="small")
artifact = mdeploy.load("out")
assert artifact.manifest == made.artifact.manifest and artifact.name == "small"
report = mdeploy.parity("out", tol=1e-5, backends=["mdeploy", "onnxruntime"])
assert report.passed and report.required_tolerance < 1e-5 and len(report.backends) == 2
assert not mdeploy.parity(artifact, tol=0.0, backends=["mdeploy"]).passed
image = mdeploy.predict(artifact, "test", backends=["mdeploy"]).images[0]
assert abs(image.reference.sum() - 1) < 1e-6
row = mdeploy.evaluate("out", "test", backends=["mdeploy"]).sets[0].runtimes[0]
assert row.top1.total == 1 and row.top1.value == float(image.ranking[0] == artifact.manifest.labels.index("ship"))
files = mdeploy.package(artifact, "host", output="packages")
assert [f.name for f in files] == ["small-host.zip"] and files[0].stat().st_size > 1_000_000
report = mdeploy.bench(artifact, threads=1, warmup=1, runs=3, min_seconds=0)
assert report.latency_ms.n == 3 and report.threads == 1 and all(case.passed for case in report.parity)
for call, error in {
    lambda: mdeploy.load("nowhere"): mdeploy.InputError,
    lambda: mdeploy.convert("nowhere.pt"): mdeploy.InputError,
    lambda: mdeploy.parity(artifact, backends=["abacus"]): mdeploy.UsageError,
    lambda: mdeploy.predict(artifact, "nowhere.png"): mdeploy.InputError,
    lambda: mdeploy.evaluate(artifact, "nowhere"): mdeploy.InputError,
    lambda: mdeploy.package(artifact, "toaster"): mdeploy.UsageError,
    lambda: mdeploy.bench(artifact, device="toaster"): mdeploy.UsageError,
    lambda: mdeploy.bench(artifact, tempo=3): mdeploy.UsageError,
}.items():
    try:
        call()
    except error as caught:
        assert "\\n" not in str(caught)
    else:
        raise AssertionError("no " + error.__name__)
print("all called")
""",
        tmp_path,
    )
    assert said.strip().endswith("all called")


def test_a_net_pair_converts(repository: Path, tmp_path: Path) -> None:
    old = repository / "tests" / "golden" / "old_nets" / "lenet"
    pair = (old / "init_net.pb", old / "predict_net.pb")
    made = mdeploy.convert(*pair, input_shapes=(1, 1, 28, 28), output=tmp_path / "o")
    assert made.artifact.model_onnx is None
    assert mdeploy.parity(made.artifact, backends=["mdeploy"]).passed
    with pytest.raises(mdeploy.UsageError, match="ONNX graph"):
        mdeploy.convert(*pair, also=["ncnn"], output=tmp_path / "o")


def test_the_notebook_of_the_documentation_runs(repository: Path, bundled_checkpoint: Path, tmp_path: Path) -> None:
    text = (repository / "docs" / "python.md").read_text(encoding="utf-8")
    cells = re.findall(r"<!-- run -->\n```python\n(.*?)```", text, re.S)
    assert len(cells) == text.count("```python")
    shutil.copy(bundled_checkpoint, tmp_path / "ckpt.pt")
    shutil.copy(bundled_checkpoint.parent / "demo_picture.png", tmp_path / "picture.png")
    said = run_python("\n".join(cells), tmp_path)
    assert "MMAC" in said
    assert "median" in said
    assert "nothing-here: no such artifact" in said
