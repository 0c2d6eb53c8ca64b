# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The root command: exit codes, one line on stderr, and how little it imports."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
from importlib import resources
from pathlib import Path

import click
import pytest

from mdeploy import errors
from mdeploy.cli.main import VERBS, run
from mdeploy.errors import EXIT_BROKEN_PIPE
from mdeploy.formats.artifact import Artifact


def failing(error: BaseException) -> click.Command:
    @click.command("verb")
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (errors.CheckFailed("too far"), 1, "mdeploy: too far"),
        (errors.UsageError("no"), 2, "mdeploy: no"),
        (errors.InputError("bad\nfile"), 3, "mdeploy: bad file"),
        (errors.UnsupportedError("op"), 4, "mdeploy: op"),
        (errors.UnavailableError("gone"), 5, "mdeploy: gone"),
        (KeyboardInterrupt(), 130, "mdeploy: interrupted"),
        (PermissionError(13, "Permission denied", "out"), 3, "mdeploy: out: Permission denied"),
        (OSError(28, "No space left on device", "out"), 3, "mdeploy: out: No space left on device"),
        (ZeroDivisionError("x"), 70, "mdeploy: internal error: ZeroDivisionError: x (--debug shows the traceback)"),
        (MemoryError(), 70, "mdeploy: out of memory"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_every_error_is_one_line_and_its_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([], failing(error)) == code
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [line]
    assert captured.out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["inspect", "none.onnx", "--json"], 3, "bad_input"),
        (["parity", "--json", "--tol", "x"], 2, "usage"),
        (["bench", "--jsn", "--json"], 2, "usage"),
        (["predict", "--json"], 2, "usage"),
        (["nothing", "--json"], 2, "usage"),
        (["package", "none", "--target", "android", "--json"], 3, "bad_input"),
        (["diff", "a.json", "b.json", "--json"], 3, "bad_input"),
        (["history", "999999", "--json"], 3, "bad_input"),
        (["collect", "--no-history", "--json"], 2, "usage"),
        (["evaluate", "none", "--data", "none", "--json"], 3, "bad_input"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_with_json_an_error_is_an_object_too(
    arguments: list[str], code: int, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    message = line.removeprefix("mdeploy: ")
    assert json.loads(captured.out) == {
        "schema": "mdeploy-error/1",
        "error": message,
        "exit_code": code,
        "kind": kind,
    }


def test_an_interrupt_and_an_internal_error_are_objects_too(capsys: pytest.CaptureFixture[str]) -> None:
    for error, code, kind in ((KeyboardInterrupt(), 130, "cancelled"), (ZeroDivisionError("x"), 70, "internal_error")):
        command = failing(error)
        command.params.append(click.Option(["--json"], is_flag=True, expose_value=False))
        assert run(["--json"], command) == code
        document = json.loads(capsys.readouterr().out)
        assert (document["exit_code"], document["kind"]) == (code, kind)
        assert run(["--", "--json"], failing(error)) == 2, "an argument called --json is no flag"
        assert capsys.readouterr().out == ""


def test_kinds_are_the_words_of_the_harness() -> None:
    schema = json.loads((resources.files("mdeploy.formats") / "schemas" / "report.schema.json").read_text())
    statuses = set(schema["properties"]["status"]["enum"])
    kinds = {error.kind for error in (errors.MdeployError, *errors.MdeployError.__subclasses__())}
    assert {*kinds, "cancelled", "ok"} == statuses


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(["parit"], "parity"), (["evalute"], "evaluate"), (["bench", "--thread", "2"], "--threads")],
)
def test_what_was_perhaps_meant(arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(rf"[Dd]id you mean '?{meant}'?", line)


def test_a_verb_that_cannot_be_imported_is_listed_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "mdeploy.cli.evaluate", raising=False)
    monkeypatch.delitem(sys.modules, "mdeploy.cli.recording", raising=False)
    finder = MissingPackage("mdeploy.cli.recording", "sqlite3")
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    assert run(["--help"]) == 0
    assert "evaluate" in capsys.readouterr().out
    assert run(["evaluate"]) == 5
    assert "this Python was built without sqlite3" in capsys.readouterr().err


class MissingPackage:
    """Finds one module, and what it needs is not there."""

    def __init__(self, module: str, needed: str) -> None:
        self.module, self.needed = module, needed

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        if name == self.module:
            raise ModuleNotFoundError(f"No module named {self.needed!r}", name=self.needed)


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDEPLOY_DEBUG", "1")
    assert run([], failing(errors.InputError("bad"))) == 3
    assert "Traceback" in capsys.readouterr().err


def test_debug_flag_works_before_and_after_the_verb(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    for arguments in (["--debug", "parity", missing], ["parity", missing, "--debug"]):
        assert run(arguments) == 3
        assert "Traceback" in capsys.readouterr().err
    assert run(["parity", missing]) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_a_return_value_is_the_exit_code() -> None:
    @click.command()
    def command() -> int:
        return 4

    assert run([], command) == 4


@pytest.mark.parametrize("kind", [click.Path(exists=True), click.File("rb")], ids=["path", "file"])
def test_a_missing_file_is_bad_input_even_when_click_looks(
    kind: click.ParamType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    @click.argument("file", type=kind)
    def command(file: object) -> None:
        raise AssertionError("not reached")

    assert run([str(tmp_path / "none.pt")], command) == 3
    assert "none.pt" in capsys.readouterr().err
    assert run([], command) == 2


@pytest.mark.parametrize(
    "arguments", [["nope"], ["--nope"], ["parity", "--tol", "x"], ["parity", "--tol", "-1"], ["parity", "a", "b"]]
)
def test_usage_is_2_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_no_verb_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Usage: mdeploy" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_there_with_help_and_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = importlib.import_module(f"mdeploy.cli.{verb}").command
    assert command.name == verb
    assert run([verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"  mdeploy {verb}" in out.partition("\n")[2], "the help shows no example"
    assert "--debug" in out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from mdeploy.cli.main import run\n"
        "assert run(['--help']) == 0\n"
        "heavy = {'torch', 'numpy', 'onnx', 'rich', 'jsonschema', 'google.protobuf'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_does_not_import_torch(verb: str) -> None:
    code = (
        "import sys\nfrom mdeploy.cli.main import run\n"
        f"assert run(['{verb}', '--help']) == 0\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_130_and_cleans_up(number: signal.Signals, tmp_path: Path) -> None:
    code = f"""
import os, signal, sys, time, types, click
import mdeploy.cli.main as main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell starts with it ignored

@click.command()
def command():
    try:
        open({str(tmp_path / "ready")!r}, "w").close()
        time.sleep(60)
    finally:
        open({str(tmp_path / "cleaned")!r}, "w").close()

main.VERBS["sleep"] = ""
sys.modules["mdeploy.cli.sleep"] = types.SimpleNamespace(command=command)
sys.argv = ["mdeploy", "sleep"]
main.main()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "ready").exists():
        assert process.poll() is None
        os.sched_yield()
    process.send_signal(number)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert stderr == "mdeploy: interrupted\n"
    assert (tmp_path / "cleaned").exists()


def test_a_closed_pipe_is_quiet() -> None:
    # Some megabytes, so that the writer meets the closed pipe.
    code = (
        "import sys, click\nfrom mdeploy.cli.main import run\n"
        "@click.command()\ndef command():\n    for _ in range(100000): click.echo('x' * 50)\n"
        "sys.exit(run([], command))\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.readline()
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait() == 128 + signal.SIGPIPE


def test_a_pipe_closed_before_a_table_is_quiet(tiny_artifact: Artifact) -> None:
    # rich has its own idea of a closed pipe: exit code 1, which is "a check failed" here.
    command = [sys.executable, "-m", "mdeploy", "inspect", str(tiny_artifact.path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait() == EXIT_BROKEN_PIPE == 128 + signal.SIGPIPE


def test_module_can_be_run() -> None:
    done = subprocess.run([sys.executable, "-m", "mdeploy", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mdeploy")
