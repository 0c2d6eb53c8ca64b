# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""One list of flags says how to measure: the harness's own. What Python and Java name of it is held against it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest

from mdeploy.cli.bench import command
from mdeploy.deployment.devices.base import BenchOptions
from mdeploy.deployment.package.cross import harness

ROOT = Path(__file__).resolve().parent.parent
JAVA = ROOT / "android_harness" / "app" / "src" / "main" / "java"


@pytest.fixture(scope="module")
def listed() -> dict[str, dict[str, Any]]:
    done = subprocess.run([harness("host"), "--options-json"], capture_output=True, text=True, check=True)
    return {option["name"]: option for option in json.loads(done.stdout)}


def test_bench_takes_every_flag_that_says_how_to_measure(listed: dict[str, dict[str, Any]]) -> None:
    measure = {name for name, option in listed.items() if option["group"] == "measure"}
    # --tol is shared with parity and always said; --rtol is for the harness alone.
    assert {flag.name for flag in BenchOptions.flags().values()} | {"--tol", "--rtol"} == measure
    taken = {name for parameter in command.params for name in parameter.opts}
    assert taken & set(listed) == measure - {"--rtol"} | {"--output"}  # bench has its own --output


def test_kinds_and_ranges_are_the_harness_s(listed: dict[str, dict[str, Any]]) -> None:
    kinds = {int: "integer", float: "number", str: "text", bool: "switch"}
    parameters = {parameter.name: parameter for parameter in command.params}
    for name, flag in BenchOptions.flags().items():
        option = listed[flag.name]
        assert option["kind"] == kinds[flag.kind], name
        assert (option["min"], option["max"]) == (flag.low, flag.high), name
        parameter = parameters[name]
        assert isinstance(parameter, click.Option)
        assert parameter.is_flag == (option["kind"] == "switch")
        if flag.high is not None:
            assert isinstance(parameter.type, click.IntRange | click.FloatRange)
            assert (parameter.type.min, parameter.type.max) == (option["min"], option["max"]), name


def test_defaults_named_in_the_help_are_the_harness_s(listed: dict[str, dict[str, Any]]) -> None:
    assert float(listed["--tol"]["default"]) == BenchOptions().tolerance
    for flag in BenchOptions.flags().values():
        named = re.search(r"Default: ([\d.]+)\.$", flag.help)
        if named and listed[flag.name]["default"] is not None:
            assert float(named[1]) == float(listed[flag.name]["default"]), flag.name


def test_the_app_names_only_flags_that_there_are(listed: dict[str, dict[str, Any]]) -> None:
    text = "".join(path.read_text() for path in sorted(JAVA.rglob("*.java")))
    named = set(re.findall(r'"(--[a-z-]+)"', text))
    assert named <= set(listed)
    # What a stranger may say comes after "--" and is none of the files that the app itself names.
    measured = set(re.findall(r'measure\("(--[a-z-]+)"', text))
    assert {listed[name]["group"] for name in measured} == {"measure"}
    files = set(re.findall(r'file\("(--[a-z-]+)"', text))
    assert {listed[name]["group"] for name in files} == {"caller"}
