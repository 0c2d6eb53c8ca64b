# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Reports: the schema, the dataclasses, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from mdeploy.errors import InputError
from mdeploy.formats.report import Report, find_report_line, report_schema


def test_the_example_is_by_the_schema(document: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(report_schema())
    jsonschema.validate(document, report_schema())


def test_reads_and_writes_back_the_same(document: dict[str, Any]) -> None:
    written = Report.from_text(json.dumps(document)).to_json()
    assert {key: written[key] for key in document} == document
    assert next(iter(written)) == "schema"


def test_fields_have_their_types(document: dict[str, Any]) -> None:
    report = Report.from_json(document)
    assert report.latency_ms is not None
    assert report.latency_ms.samples == (1.0, 2.0, 3.0)
    assert report.model.inputs[0].shape == (1, 3, 8, 8)
    assert report.device.cores[1].max_khz is None
    assert report.files["init_net.pb"].bytes == 7
    assert report.sustained[0].thermal.zones == {"cpu": 41.5}


def test_a_failed_run_without_latency(document: dict[str, Any]) -> None:
    failed = {**document, "status": "bad_input", "error": "no such file", "latency_ms": None}
    report = Report.from_json(failed)
    assert report.latency_ms is None
    assert report.exit_code == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [("ok", 0), ("check_failed", 1), ("usage", 2), ("unsupported", 4), ("unavailable", 5), ("cancelled", 130)],
)
def test_statuses_are_exit_codes(status: str, code: int, document: dict[str, Any]) -> None:
    assert Report.from_json({**document, "status": status}).exit_code == code


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "fine"}, "status"),
        ({"threads": 0}, "threads"),
        ({"latency_ms": {"n": 0}}, "latency_ms"),
        ({"schema": "mdeploy-report/x"}, "schema"),
        ({"threads": 2.0}, "threads"),
        ({"threads": True}, "threads"),
        ({"warnings": ["x" * 100_001]}, "warnings[0]"),
        ({"parity": [{"case": "zeros"}]}, "parity[0]"),
        ({"init_ms": -1}, "init_ms"),
    ],
)
def test_refuses_and_names_the_key(change: dict[str, Any], message: str, document: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="not a report of the harness") as error:
        Report.from_json({**document, **change}, "here.json")
    assert message in str(error.value)
    assert str(error.value).startswith("here.json: ")


def test_more_samples_than_a_harness_takes(document: dict[str, Any]) -> None:
    document["latency_ms"]["samples"] = [0] * 10_000_001
    with pytest.raises(InputError, match=r"latency_ms\.samples: 10000001 entries, at most 10000000 are taken"):
        Report.from_json(document)


@pytest.mark.parametrize("text", ["", "{", "[1]", "NaN", '{"schema": NaN}', "[" * 100000])
def test_refuses_other_texts(text: str) -> None:
    with pytest.raises(InputError):
        Report.from_text(text)


def test_finds_the_report_line() -> None:
    assert find_report_line('noise\nMDeployReport {"a": 1}\nmore') == '{"a": 1}'
    assert find_report_line("MDeployReportX {}\n") is None
    assert find_report_line("") is None
