# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The harness's report as frozen dataclasses: exactly ``schemas/report.schema.json``.

Reports come from devices and are not trusted: they are validated before a field is read, and a NaN is null. What the
schema does not require has a default here.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from mdeploy.errors import EXIT_INTERNAL, EXIT_INTERRUPTED, InputError
from mdeploy.formats import typed
from mdeploy.formats.json_text import parse_json, read_json
from mdeploy.formats.schema import DocumentSchema
from mdeploy.tensors import TensorSpec

__all__ = [
    "REPORT_LINE",
    "Affinity",
    "Battery",
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

REPORT_LINE = "MDeployReport "
"""How the harness's one line on stdout starts."""

_SCHEMA = DocumentSchema("report", "a report of the harness")
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


def report_schema() -> dict[str, Any]:
    """Return the JSON schema that Python, C++ and Java are tested against."""
    return _SCHEMA.definition


@dataclass(frozen=True)
class Model:
    """The net that ran. ``parameters`` and ``macs`` are None where it was not loaded."""

    name: str
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    parameters: int | None = None
    macs: int | None = None


@dataclass(frozen=True)
class LoadedFile:
    """A net file; ``sha256`` is None where no manifest asked for it to be checked."""

    bytes: int
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Milliseconds over all timed runs. ``std`` is the population's; percentiles are linear, as numpy's default."""

    n: int
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    max: float | None = None
    percentile_method: str = "linear"
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
    flags: str = ""
    build_type: str = ""


@dataclass(frozen=True, kw_only=True)
class Core:
    """One core; ``cluster`` is big, little or all."""

    id: int
    max_khz: int | None = None
    cluster: str


@dataclass(frozen=True, kw_only=True)
class Device:
    """Where it ran. ``sdk`` is Android's API level."""

    model: str | None = None
    os: str
    abi: str
    cores: tuple[Core, ...] = ()
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

    max_c: float | None = None
    zones: Mapping[str, float] = field(default_factory=dict)
    status: int | None = None


@dataclass(frozen=True)
class ThermalPair:
    """Readings before and after the run."""

    before: Thermal = Thermal()
    after: Thermal = Thermal()


@dataclass(frozen=True)
class Battery:
    """The battery after the run."""

    level_percent: float | None = None
    temperature_c: float | None = None
    charging: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Parity:
    """One output of one golden case against its reference, on the device."""

    case: str
    output: str
    max_abs: float | None = None
    max_rel: float | None = None
    passed: bool
    tolerance: float
    required_tolerance: float | None = None


@dataclass(frozen=True)
class Op:
    """One operator of a profile: mean milliseconds of a timed run, multiply-accumulates of one."""

    name: str
    type: str
    ms: float
    macs: int = 0
    kernel: str | None = None


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round of timed runs; ``outliers`` are indices into ``Latency.samples``."""

    n: int
    p50: float | None = None
    start_ms: float
    duration_ms: float
    outliers: tuple[int, ...] = ()
    cpu_khz: tuple[int | None, ...] = ()
    thermal: Thermal = Thermal()


@dataclass(frozen=True)
class Minute:
    """One minute of a sustained run."""

    minute: int
    n: int
    p50: float | None = None
    p90: float | None = None
    thermal: Thermal = Thermal()
    cpu_khz: tuple[int | None, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """One run of the harness, which the history calls a bench."""

    kind: ClassVar[str] = "bench"

    status: str
    error: str | None = None
    runner: str
    backend: str | None = None
    model: Model
    files: Mapping[str, LoadedFile] = field(default_factory=dict)
    latency_ms: Latency | None = None
    init_ms: float | None = None
    verify_ms: float | None = None
    first_run_ms: float | None = None
    preprocess_ms: float | None = None
    peak_rss_bytes: int | None = None
    threads: int
    affinity: Affinity
    isa: str
    emulated: bool
    compiler: Compiler
    device: Device
    thermal: ThermalPair = ThermalPair()
    battery: Battery = Battery()
    parity: tuple[Parity, ...] = ()
    ops: tuple[Op, ...] = ()
    rounds: tuple[Round, ...] = ()
    sustained: tuple[Minute, ...] = ()
    warnings: tuple[str, ...] = ()
    versions: Mapping[str, str | int]
    schema: str = _SCHEMA.id

    @property
    def artifact(self) -> str:
        """Name of the model."""
        return self.model.name

    @property
    def outcome(self) -> str:
        """``ok``, or the word for what went wrong."""
        return self.status

    @property
    def headline(self) -> str:
        """The one figure that a list shows."""
        p50 = None if self.latency_ms is None else self.latency_ms.p50
        return "no latency" if p50 is None else f"p50 {p50:.3f} ms"

    @property
    def exit_code(self) -> int:
        """The harness's exit code that goes with the status."""
        return _EXIT_CODES[self.status]

    @classmethod
    def from_json(cls, data: Any, where: str = "report") -> Report:
        """Validate parsed JSON and return the report.

        Raises ``InputError`` naming ``where`` and the key at fault.
        """
        return typed.from_json(cls, _SCHEMA.current(data, where))

    @classmethod
    def from_text(cls, text: str | bytes, where: str = "report") -> Report:
        """Parse and validate. Raises ``InputError``."""
        if len(text) > _MAX_REPORT_BYTES:
            raise InputError(f"{where}: too large for a report")
        return cls.from_json(parse_json(text, where), where)

    @classmethod
    def read(cls, path: Path) -> Report:
        """Read a report file. Raises ``InputError`` naming it."""
        return cls.from_json(read_json(path, _MAX_REPORT_BYTES), str(path))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, in the schema's terms."""
        data = typing.cast("dict[str, Any]", typed.to_json(self))
        return {"schema": data.pop("schema"), **data}


def find_report_line(stdout: str) -> str | None:
    """Return the JSON of the ``MDeployReport`` line in what a harness printed, or None."""
    lines = [line for line in stdout.splitlines() if line.startswith(REPORT_LINE)]
    return lines[-1].removeprefix(REPORT_LINE) if lines else None
