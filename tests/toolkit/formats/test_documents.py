# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Documents that grow: those of every older version, with more and with less than ours, and those of tomorrow."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mdeploy.errors import InputError
from mdeploy.formats import schema as schema_module
from mdeploy.formats.documents import KINDS, read_document, read_outcomes
from mdeploy.formats.evaluation import EvaluationRecord
from mdeploy.formats.manifest import Manifest
from mdeploy.formats.parity import LayersRecord, ParityRecord
from mdeploy.formats.report import Report
from mdeploy.formats.schema import DocumentSchema, validate
from mdeploy.reports.history import History

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "documents"

Json = dict[str, Any]
Read = Callable[[Json, str], Any]


def outcomes(data: Json, where: str) -> list[tuple[str, Report]]:
    found = read_outcomes(data, where)
    if found is None:
        raise InputError("no devices")
    return found


# One of every version that was ever written, by the schema that it follows and what reads it.
DOCUMENTS: dict[str, tuple[str, Read]] = {
    "manifest-1.json": ("manifest", Manifest.from_json),
    "report-1.json": ("report", read_document),
    "parity-1.json": ("parity", read_document),
    "layers-1.json": ("layers", read_document),
    "evaluation-1.json": ("evaluation", read_document),
    "outcomes.json": ("outcomes", outcomes),
}
# In golden manifests these are given, and each is wrong without its other half.
PAIRS = {"mean", "std", "size"}


def golden(name: str) -> Json:
    loaded: Json = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    return loaded


def objects(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Json]]:
    """Every object of a document with the schema that it follows."""
    if "$ref" in schema:
        schema = {**root["$defs"][schema["$ref"].rpartition("/")[2]], **schema}
    for option in schema.get("anyOf", ()):
        yield from objects(option, value, root)
    if isinstance(value, dict) and "properties" in schema:
        yield schema, value
        for key, part in schema["properties"].items():
            if key in value:
                yield from objects(part, value[key], root)
    if isinstance(value, dict) and isinstance(schema.get("additionalProperties"), dict):
        for part in value.values():
            yield from objects(schema["additionalProperties"], part, root)
    if isinstance(value, list) and "items" in schema:
        for part in value[:3]:
            yield from objects(schema["items"], part, root)


def test_there_is_one_of_every_kind_and_version() -> None:
    assert {path.name for path in GOLDEN.glob("*.json")} == set(DOCUMENTS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_old_document_is_read(name: str) -> None:
    _, read = DOCUMENTS[name]
    assert read(golden(name), name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_one_with_more_than_we_know_is_read_alike(name: str) -> None:
    schema, read = DOCUMENTS[name]
    definition = DocumentSchema(schema, "").definition
    document = golden(name)
    grown = 0
    for _, place in list(objects(definition, document, definition)):
        place["of_tomorrow"] = {"a": [1, None, {"b": "c"}]}
        grown += 1
    assert grown >= 3
    assert read(document, name) == read(golden(name), name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_one_without_any_one_optional_member_is_read(name: str) -> None:
    schema, read = DOCUMENTS[name]
    definition = DocumentSchema(schema, "").definition
    document = golden(name)
    left_out = 0
    for part, place in list(objects(definition, document, definition)):
        for key in list(place):
            value = place.pop(key)
            if key in part.get("required", ()):
                with pytest.raises(InputError, match=key):
                    read(copy.deepcopy(document), name)
            elif schema == "manifest" and key in PAIRS:
                with pytest.raises(InputError, match=r"mean and std go together|exactly one of short_side and size"):
                    read(copy.deepcopy(document), name)
            else:
                assert read(document, name) is not None
                left_out += 1
            place[key] = value
    assert left_out > 3


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "outcomes.json"])
def test_one_of_tomorrow_is_refused_in_one_clear_line(name: str) -> None:
    _, read = DOCUMENTS[name]
    document = golden(name)
    document["schema"] = document["schema"].replace("/1", "/2")
    with pytest.raises(InputError) as caught:
        read(document, "x.json")
    assert str(caught.value) == (
        f"x.json: {document['schema']} was written by a newer mdeploy, and this one reads up to version 1; update it: "
        "pip install --upgrade mdeploy"
    )


def test_an_older_version_goes_through_every_upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it will be when a version 3 exists: ``size`` was called ``length``, and was in kB before that."""
    definition = {
        "required": ["size"],
        "properties": {"schema": {"const": "mdeploy-thing/3"}, "size": {"type": "integer"}},
    }
    monkeypatch.setattr(schema_module, "_load", lambda _: definition)

    def second(data: Json) -> Json:
        return {"schema": "mdeploy-thing/2", "length": data["length"] * 1000}

    def third(data: Json) -> Json:
        return {"schema": "mdeploy-thing/3", "size": data["length"]}

    thing = DocumentSchema("thing", "a thing", upgrades=(second, third))
    assert (thing.id, thing.version) == ("mdeploy-thing/3", 3)
    current = {"schema": "mdeploy-thing/3", "size": 5000}
    assert thing.current({"schema": "mdeploy-thing/1", "length": 5}, "x") == current
    assert thing.current({"schema": "mdeploy-thing/2", "length": 5000}, "x") == current
    assert thing.current(current, "x") == current
    for wrong in ("mdeploy-thing/0", "mdeploy-thing/03", "mdeploy-thing/", "mdeploy-thing/4"):
        with pytest.raises(InputError):
            thing.current({**current, "schema": wrong}, "x")


def test_an_old_history_is_read(tmp_path: Path) -> None:
    shutil.copyfile(GOLDEN / "history.db", tmp_path / "history.db")
    history = History(tmp_path / "history.db")
    runs = history.runs()
    assert [run.kind for run in reversed(runs)] == list(KINDS)
    for run in runs:
        stored = read_document(history.document(run.id), f"run {run.id}")
        assert (stored.kind, stored.artifact, stored.outcome) == (run.kind, run.artifact, run.outcome)
    assert history.record(history.document(1), target="elsewhere") == 5
    (newest,) = history.runs(limit=1)
    assert (newest.kind, newest.artifact, newest.outcome, newest.target) == ("bench", "net", "ok", "elsewhere")
    assert newest.headline == runs[-1].headline


def test_kind_outcome_and_headline() -> None:
    """Each is computed in one place; this is what lists and pages show."""
    facts = {}
    for name in ("report-1.json", "parity-1.json", "layers-1.json", "evaluation-1.json"):
        stored = read_document(golden(name), name)
        facts[stored.kind] = (stored.artifact, stored.outcome, stored.headline)
    assert facts == {
        "bench": ("net", "ok", "p50 0.241 ms"),
        "parity": ("net", "passed", "required tol 3.6e-07"),
        "layers": ("net", "passed", "tol 1e-05: every tensor within"),
        "evaluation": ("net", "ok", "top-1 10.00% of 10"),
    }
    layers = golden("layers-1.json")
    layers["passed"], layers["backends"][0]["first_beyond"] = False, "conv_3"
    layers["tolerance"] = {"tol": 1e-5, "rtol": 1e-6, "outputs": {"scores": 1e-4}}
    stored = read_document(layers, "x")
    assert stored.outcome == "failed"
    assert stored.headline == "tol 1e-05, rtol 1e-06, scores 0.0001: first beyond: conv_3"
    parity = golden("parity-1.json")
    parity["backends"][0]["results"][0]["required_tolerance"] = None
    assert read_document(parity, "x").headline == "required tol inf"
    report = golden("report-1.json")
    assert read_document({**report, "status": "cancelled", "latency_ms": None}, "x").headline == "no latency"


@pytest.mark.parametrize("data", [None, [], {}, {"schema": 1}, {"schema": "other/1"}, {"schema": "mdeploy-diff/1"}])
def test_what_is_none_of_ours(data: Any) -> None:
    with pytest.raises(InputError, match=r"x\.json: schema .* is none of mdeploy-report, "):
        read_document(data, "x.json")
    assert read_outcomes(data, "x.json") is None


@pytest.mark.parametrize(
    ("kind", "name"),
    [(Report, "report"), (ParityRecord, "parity"), (LayersRecord, "layers"), (EvaluationRecord, "evaluation")],
)
def test_dataclasses_follow_their_schema(kind: Any, name: str) -> None:
    """Every field is a member of the schema, and has a default where the schema does not require it."""
    definition = DocumentSchema(name, "").definition
    unread = {"percentiles", "missing", "disagreements"}

    def compare(kind: Any, schema: Mapping[str, Any]) -> None:
        if "$ref" in schema:
            schema = {**definition["$defs"][schema["$ref"].rpartition("/")[2]], **schema}
        fields = {field.name: field for field in dataclasses.fields(kind)}
        assert set(fields) == set(schema["properties"]) - unread, kind
        hints = typing.get_type_hints(kind)
        for key, field in fields.items():
            given = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
            assert given or key in schema.get("required", ()), f"{kind.__name__}.{key} needs a default"
            hint, part = hints[key], schema["properties"][key]
            if isinstance(hint, types.UnionType):
                hint = typing.get_args(hint)[0]
            if typing.get_origin(hint) is tuple:
                hint, part = typing.get_args(hint)[0], part.get("items", part)
            elif typing.get_origin(hint) is Mapping:
                hint, part = typing.get_args(hint)[1], part["additionalProperties"]
            if dataclasses.is_dataclass(hint):
                compare(hint, part)

    compare(kind, definition)


class Unread(list[Any]):
    """A long array that nobody may look through."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("looked through")


def test_what_is_too_long_is_not_looked_through() -> None:
    too_long = Unread([0] * 11)
    schema = {"type": "array", "maxItems": 10, "items": {"type": "object", "required": ["a"]}}
    with pytest.raises(InputError, match=r"x: the top level: 11 entries, at most 10 are taken$"):
        validate(too_long, schema, "x")
    many = {str(number): 0 for number in range(11)}
    schema = {"maxProperties": 10, "propertyNames": {"pattern": "^a"}, "additionalProperties": {"type": "string"}}
    with pytest.raises(InputError, match=r"11 members, at most 10 are taken$"):
        validate(many, schema, "x")
    with pytest.raises(InputError, match=r"1001 characters, at most 1000 are taken$"):
        validate("x" * 1001, {"type": "string", "maxLength": 1000}, "x")


def test_a_message_does_not_repeat_what_is_long() -> None:
    with pytest.raises(InputError) as caught:
        validate({"a": [0] * 100_000}, {"properties": {"a": {"type": "object"}}}, "x")
    assert str(caught.value) == "x: a: [] is not of type 'object'"


def test_arrays_of_plain_values_are_checked_all_the_same() -> None:
    schema = {"items": {"type": ["integer", "null"]}}
    validate([1, None, 2], schema, "x")
    for wrong in (1.0, True, "1"):
        with pytest.raises(InputError, match=r"x: \[1\]"):
            validate([1, wrong], schema, "x")
