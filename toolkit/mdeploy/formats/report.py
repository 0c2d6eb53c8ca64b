# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The harness's report as frozen dataclasses: exactly ``schemas/report.schema.json``.

Reports come from devices and are not trusted: they are validated before a field is read, and a NaN is null.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeVar

import jsonschema
from jsonschema.exceptions import best_match

from mdeploy.errors import EXIT_INTERNAL, EXIT_INTERRUPTED, InputError

__all__ = [
    "REPORT_LINE",
    "REPORT_SCHEMA",
    "Affinity",
    "Battery",
    "Blob",
    "Compiler",
    "Core",
    "Device",
    "Latency",
    "LoadedFile",
    "Minute",
    "Model",
    "Op",
    "Parity",
    "Report",
    "Round",
    "Thermal",
    "ThermalPair",
    "find_report_line",
    "report_schema",
]

REPORT_SCHEMA = "mdeploy-report/1"
REPORT_LINE = "MDeployReport "
"""How the harness's one line on stdout starts."""

_MAX_REPORT_BYTES = 256 << 20

_EXIT_CODES = {
    "ok": 0,
    "check_failed": 1,
    "usage": 2,
    "bad_input": 3,
    "unsupported": 4,
    "unavailable": 5,
    "internal_error": EXIT_INTERNAL,
    "cancelled": EXIT_INTERRUPTED,
}


@cache
def report_schema() -> dict[str, Any]:
    """Return the JSON schema that Python, C++ and Java are tested against."""
    text = (resources.files("mdeploy.formats") / "schemas" / "report.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@dataclass(frozen=True)
class Blob:
    """An input or output of the net."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Model:
    """The net that ran. ``parameters`` and ``macs`` are None where it was not loaded."""

    name: str
    inputs: tuple[Blob, ...]
    outputs: tuple[Blob, ...]
    parameters: int | None
    macs: int | None


@dataclass(frozen=True)
class LoadedFile:
    """A net file; ``sha256`` is None where no manifest asked for it to be checked."""

    bytes: int
    sha256: str | None


@dataclass(frozen=True)
class Latency:
    """Milliseconds over all timed runs. ``std`` is the population's; percentiles are linear, as numpy's default."""

    n: int
    mean: float | None
    std: float | None
    min: float | None
    p50: float | None
    p90: float | None
    p99: float | None
    max: float | None
    percentile_method: str
    samples: tuple[float, ...]


@dataclass(frozen=True)
class Affinity:
    """What was asked for, the cores that came of it, and whether threads were bound to them."""

    requested: str
    cores: tuple[int, ...]
    applied: bool


@dataclass(frozen=True)
class Compiler:
    """What built the runtime that ran."""

    id: str
    flags: str
    build_type: str


@dataclass(frozen=True)
class Core:
    """One core; ``cluster`` is big, little or all."""

    id: int
    max_khz: int | None
    cluster: str


@dataclass(frozen=True)
class Device:
    """Where it ran. ``sdk`` is Android's API level."""

    model: str | None
    os: str
    abi: str
    cores: tuple[Core, ...]
    manufacturer: str | None = None
    soc: str | None = None
    os_version: str | None = None
    sdk: int | None = None
    kernel: str | None = None
    page_size_bytes: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Thermal:
    """Degrees Celsius, and Android's thermal status 0..6."""

    max_c: float | None
    zones: Mapping[str, float]
    status: int | None


@dataclass(frozen=True)
class ThermalPair:
    """Readings before and after the run."""

    before: Thermal
    after: Thermal


@dataclass(frozen=True)
class Battery:
    """The battery after the run."""

    level_percent: float | None
    temperature_c: float | None
    charging: bool | None


@dataclass(frozen=True)
class Parity:
    """One output of one golden case against its reference, on the device."""

    case: str
    output: str
    max_abs: float | None
    max_rel: float | None
    passed: bool
    tolerance: float
    required_tolerance: float | None


@dataclass(frozen=True)
class Op:
    """One operator of a profile: mean milliseconds of a timed run, multiply-accumulates of one."""

    name: str
    type: str
    ms: float
    macs: int
    kernel: str | None = None


@dataclass(frozen=True)
class Round:
    """One round of timed runs; ``outliers`` are indices into ``Latency.samples``."""

    n: int
    p50: float | None
    start_ms: float
    duration_ms: float
    outliers: tuple[int, ...]
    cpu_khz: tuple[int | None, ...]
    thermal: Thermal


@dataclass(frozen=True)
class Minute:
    """One minute of a sustained run."""

    minute: int
    n: int
    p50: float | None
    p90: float | None
    thermal: Thermal
    cpu_khz: tuple[int | None, ...]


@dataclass(frozen=True)
class Report:
    """One run of the harness."""

    status: str
    error: str | None
    runner: str
    model: Model
    files: Mapping[str, LoadedFile]
    latency_ms: Latency | None
    init_ms: float | None
    verify_ms: float | None
    first_run_ms: float | None
    peak_rss_bytes: int | None
    threads: int
    affinity: Affinity
    isa: str
    emulated: bool
    compiler: Compiler
    device: Device
    thermal: ThermalPair
    battery: Battery
    parity: tuple[Parity, ...]
    ops: tuple[Op, ...]
    rounds: tuple[Round, ...]
    sustained: tuple[Minute, ...]
    warnings: tuple[str, ...]
    versions: Mapping[str, str | int]
    schema: str = REPORT_SCHEMA

    @property
    def exit_code(self) -> int:
        """The harness's exit code that goes with the status."""
        return _EXIT_CODES[self.status]

    @classmethod
    def from_json(cls, data: Any, where: str = "report") -> Report:
        """Validate parsed JSON and return the report.

        Raises ``InputError`` naming ``where`` and the key at fault.
        """
        error = best_match(jsonschema.Draft202012Validator(report_schema()).iter_errors(data))
        if error is not None:
            key = error.json_path.removeprefix("$").lstrip(".") or "the top level"
            message = error.message if len(error.message) <= 200 else error.message[:200] + "..."
            raise InputError(f"{where}: not a report of the harness: {key}: {message}")
        return _from_json(cls, data)

    @classmethod
    def from_text(cls, text: str, where: str = "report") -> Report:
        """Parse and validate. Raises ``InputError``."""
        if len(text) > _MAX_REPORT_BYTES:
            raise InputError(f"{where}: too large for a report")
        try:
            data = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_bounded)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: not valid JSON: {str(error).splitlines()[0][:200]}") from error
        return cls.from_json(data, where)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, in the schema's terms."""
        data = typing.cast("dict[str, Any]", _to_json(self))
        return {"schema": data.pop("schema"), **data}


def find_report_line(stdout: str) -> str | None:
    """Return the JSON of the ``MDeployReport`` line in what a harness printed, or None."""
    lines = [line for line in stdout.splitlines() if line.startswith(REPORT_LINE)]
    return lines[-1].removeprefix(REPORT_LINE) if lines else None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # 1e999 is a JSON number, and would be written as Infinity, which is none
        raise ValueError(f"{text} is too large for a number")
    return value


def _bounded(text: str) -> int:
    value = int(text)
    if abs(value) >= 1 << 63:
        raise ValueError(f"an integer of {len(text)} digits is too large")
    return value


T = TypeVar("T")


def _from_json(kind: type[T], data: Mapping[str, Any]) -> T:
    hints = _hints(typing.cast("Any", kind))
    return kind(**{key: _value(hints[key], value) for key, value in data.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _value(hint: Any, value: Any) -> Any:
    """Turn a validated JSON value into what the field's type says."""
    if value is None:
        return None
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
    if dataclasses.is_dataclass(hint):
        return _from_json(typing.cast("type[Any]", hint), value)
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return tuple(_value(arguments[0], item) for item in value)
    if typing.get_origin(hint) is Mapping:
        return {key: _value(arguments[1], item) for key, item in value.items()}
    return value


def _to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _to_json(item) for key, item in value.items()}
    return value
