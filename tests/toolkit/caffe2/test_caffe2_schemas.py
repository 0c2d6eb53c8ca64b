# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What the converter and the runtime believe of Caffe2's operators is what real Caffe2 reports of itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mdeploy.caffe2.schema import SCHEMAS

ROOT = Path(__file__).resolve().parents[3]
REPORTED: dict[str, Any] = json.loads((ROOT / "tests" / "golden" / "caffe2_schemas.json").read_text(encoding="utf-8"))
OPERATOR = re.compile(r'^MDEPLOY_OPERATOR\("(\w+)", \w+, (\w+), (\w+), (\w+), (\w+),', re.M)
RUNTIME = {
    name: [2**31 - 1 if figure == "kAny" else int(figure) for figure in figures]
    for name, *figures in OPERATOR.findall((ROOT / "runtime" / "src" / "ops" / "operators.inc").read_text("utf-8"))
}


def wider(inputs: list[int], outputs: list[int], name: str) -> list[str]:
    """Where we would take what Caffe2 refuses. Narrower is right: Caffe2 checks some counts only when it runs."""
    reported = REPORTED[name]
    (min_input, max_input), (min_output, max_output) = inputs, outputs
    return [
        key
        for key, too_wide in {
            "min_input": min_input < reported["min_input"],
            "max_input": max_input > reported["max_input"],
            "min_output": min_output < reported["min_output"],
            "max_output": max_output > reported["max_output"],
        }.items()
        if too_wide
    ]


COMPARED = {name for name, facts in REPORTED.items() if facts["registered"]}


@pytest.mark.parametrize("name", sorted(SCHEMAS.keys() & COMPARED))
def test_the_converter_knows_arity_and_required_arguments(name: str) -> None:
    schema = SCHEMAS[name]
    assert not wider([*schema.inputs], [*schema.outputs], name)
    assert {*schema.required} == {argument for argument, required in REPORTED[name]["args"] if required}


@pytest.mark.parametrize("name", sorted(RUNTIME.keys() & COMPARED))
def test_the_runtime_knows_arity(name: str) -> None:
    figures = RUNTIME[name]
    # Expand: ours also takes the shape as an argument; Caffe2 wants it as a second input.
    assert wider(figures[:2], figures[2:], name) == (["min_input"] if name == "Expand" else [])


def test_the_two_are_read() -> None:
    assert len(SCHEMAS.keys() & COMPARED) > 60
    assert len(RUNTIME.keys() & COMPARED) > 60
