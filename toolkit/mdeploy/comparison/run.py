# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Run an artifact's golden cases on every backend and compare each output with the recorded one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mdeploy.backends.base import Backend, Session
from mdeploy.backends.lineup import Absent, Outcome
from mdeploy.backends.table import BACKENDS, info_of
from mdeploy.comparison.differences import DifferenceMap, difference_map
from mdeploy.comparison.request import ParityRequest
from mdeploy.comparison.tolerance import Comparison, Tolerance, compare
from mdeploy.errors import CheckFailed, InputError, UnavailableError
from mdeploy.formats.artifact import Artifact, GoldenCase
from mdeploy.formats.coverage import Coverage

__all__ = ["BackendResult", "OutputResult", "ParityReport", "run_parity"]

REFERENCE = "torch"


@dataclass(frozen=True)
class OutputResult:
    """One output of one golden case on one backend."""

    case: str
    kind: str
    output: str
    comparison: Comparison
    differences: DifferenceMap | None = field(default=None, repr=False, compare=False)
    added: bool = False
    """Whether conversion added the case, so that more weights are reached."""


@dataclass(frozen=True)
class BackendResult:
    """What one backend did: ``passed``, ``failed``, ``missing`` (not here) or ``error`` (could not run the net)."""

    name: str
    title: str
    version: str
    status: str
    reason: str = ""
    install: str = ""
    exit_code: int = 0
    outputs: tuple[OutputResult, ...] = ()

    @property
    def ran(self) -> bool:
        """Whether there are numbers."""
        return self.status in ("passed", "failed")


@dataclass(frozen=True)
class ParityReport:
    """All backends on all golden cases."""

    artifact: str
    reference: str
    """Who gave the golden outputs."""
    tolerance: Tolerance
    backends: tuple[BackendResult, ...]
    warnings: tuple[str, ...] = ()
    coverage: Coverage | None = None
    """What the golden cases would notice; None where conversion did not measure it."""

    @property
    def weak(self) -> bool:
        """Whether passing proves little: the golden cases hardly look at the net, or at a part of it."""
        return bool(self.warnings) or (self.coverage is not None and self.coverage.weak)

    @property
    def exit_code(self) -> int:
        """0 when every backend that ran passed; 1 when one did not; else the code of the first that could not run."""
        if any(backend.status == "failed" for backend in self.backends):
            return CheckFailed.exit_code
        return next((backend.exit_code for backend in self.backends if backend.status == "error"), 0)

    @property
    def passed(self) -> bool:
        """Whether every backend that is here ran and held the tolerance."""
        return self.exit_code == 0

    @property
    def required_tolerance(self) -> float:
        """The smallest tolerance that every output of every backend would pass; infinite when none would."""
        comparisons = [output.comparison for backend in self.backends for output in backend.outputs]
        needed = [math.inf if c.required_tolerance is None else c.required_tolerance for c in comparisons]
        return max(needed, default=math.inf)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; what is not defined, NaN and infinities are null."""
        return {
            "schema": "mdeploy-parity/1",
            "artifact": self.artifact,
            "reference": self.reference,
            "tolerance": self.tolerance.to_json(),
            "passed": self.passed,
            "backends": [_backend_json(backend) for backend in self.backends],
            "warnings": list(self.warnings),
            **({} if self.coverage is None else {"coverage": _coverage_json(self.coverage)}),
        }


def run_parity(request: ParityRequest) -> ParityReport:
    """Compare every backend asked for, or every installed one, with the golden outputs.

    A backend that is asked for by name and missing raises ``UnavailableError``, and so does having none but PyTorch.
    One that cannot run the net is reported, and the others still run.
    """
    request.check()
    artifact = request.artifact
    cases = artifact.golden_cases()
    if not cases:
        raise InputError(f"{artifact.path}: has no golden cases to compare with; convert again")
    outcome = request.each(lambda backend: _run(request, backend, cases))
    results = {absent.name: _absent(absent) for absent in outcome.absent} | outcome.done
    _require_other_than_reference(outcome)
    order = (
        BACKENDS if request.backends is None or tuple(request.backends) == ("all",) else dict.fromkeys(request.backends)
    )
    found = tuple(results[name] for name in order if name in results)
    warnings = _warnings(cases, request.tolerance)
    coverage = artifact.manifest.coverage
    return ParityReport(artifact.name, _reference(artifact), request.tolerance, found, warnings, coverage)


def _run(request: ParityRequest, backend: Backend, cases: Sequence[GoldenCase]) -> BackendResult:
    request.tell(f"{backend.title}: loading")
    with backend.prepare(request.artifact, request.options) as session:
        outputs = _failing_without_numbers(tuple(_run_cases(request, cases, backend, session)))
    status = "passed" if all(output.comparison.passed for output in outputs) else "failed"
    return BackendResult(backend.name, backend.title, backend.availability().version, status, outputs=outputs)


def _absent(absent: Absent) -> BackendResult:
    if absent.missing:
        return BackendResult(absent.name, absent.title, "", "missing", absent.reason, absent.install)
    return BackendResult(absent.name, absent.title, absent.version, "error", absent.reason, exit_code=absent.exit_code)


def _reference(artifact: Artifact) -> str:
    name = artifact.manifest.golden_backend
    title = info_of(name).title
    return f"real {title}" if name == "caffe2" else title


def _run_cases(
    request: ParityRequest, cases: Sequence[GoldenCase], backend: Backend, session: Session
) -> Iterator[OutputResult]:
    specs = request.artifact.manifest.outputs
    for case in cases:
        request.tell(f"{backend.title}: {case.case}")
        outputs = session.run(case.inputs)
        if len(outputs) != len(specs):
            raise InputError(f"{len(outputs)} outputs where the manifest lists {len(specs)}")
        for spec, reference, actual in zip(specs, case.outputs, outputs, strict=True):
            comparison = compare(reference, actual, spec.meaning, request.tolerance.of(spec.name))
            differences = difference_map(reference, actual)
            yield OutputResult(case.case, case.kind, spec.name, comparison, differences, case.added)


def _failing_without_numbers(outputs: tuple[OutputResult, ...]) -> tuple[OutputResult, ...]:
    """NaN beside NaN agrees, but where nothing else was compared, nothing was shown."""
    compared = {output.output for output in outputs if output.comparison.max_abs is not None}
    problem = "every value is NaN or infinite, on both sides: nothing was compared"
    return tuple(
        output
        if output.output in compared or not output.comparison.passed or not output.comparison.nonfinite
        else replace(output, comparison=replace(output.comparison, passed=False, problem=problem))
        for output in outputs
    )


def _require_other_than_reference(outcome: Outcome[BackendResult]) -> None:
    failed = [absent.name for absent in outcome.absent if not absent.missing]
    if any(name != REFERENCE for name in (*outcome.done, *failed)):
        return
    reasons = "; ".join(
        f"{absent.name}: {absent.reason}" + (f" (install: {absent.install})" if absent.install else "")
        for absent in outcome.absent
        if absent.missing
    )
    raise UnavailableError(f"there is no backend to compare with PyTorch; {reasons or 'name one by --backends'}")


def _warnings(cases: Sequence[GoldenCase], tolerance: Tolerance) -> tuple[str, ...]:
    # A freshly initialised net answers the same whatever it is shown: then a wrong operator may go unseen.
    if len(cases) < 2:
        return ("only one golden case: parity proves little here",)
    for index in range(len(cases[0].outputs)):
        first = cases[0].outputs[index]
        spread = [compare(first, case.outputs[index], "logits", tolerance).required_tolerance for case in cases[1:]]
        if all(value is not None and value < 1e-3 for value in spread):
            return (f"output {index} hardly depends on the input (is the model trained?): parity proves little here",)
    return ()


def _coverage_json(coverage: Coverage) -> dict[str, Any]:
    return {
        "method": coverage.method,
        "tolerance": coverage.tolerance,
        "weights": coverage.weights,
        "reached": coverage.reached,
        "enough": coverage.enough,
        "says": coverage.describe(),
    }


def _backend_json(backend: BackendResult) -> dict[str, Any]:
    return {
        "name": backend.name,
        "title": backend.title,
        "version": backend.version or None,
        "status": backend.status,
        "reason": backend.reason or None,
        "install": backend.install or None,
        "results": [
            {"case": output.case, "output": output.output, **output.comparison.to_json()} for output in backend.outputs
        ],
    }
