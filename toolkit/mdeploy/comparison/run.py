# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Run an artifact's golden cases on every backend and compare each output with the recorded one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mdeploy.backends.base import Backend, PrepareOptions, Session
from mdeploy.backends.registry import BACKENDS, select_backends
from mdeploy.comparison.differences import DifferenceMap, difference_map
from mdeploy.comparison.tolerance import Comparison, Tolerance, compare
from mdeploy.errors import CheckFailed, InputError, MdeployError, UnavailableError, UsageError
from mdeploy.formats.artifact import Artifact, GoldenCase
from mdeploy.progress import Tell, quiet

__all__ = ["BackendResult", "OutputResult", "ParityReport", "check_outputs", "run_parity"]

REFERENCE = "torch"
_REFERENCES = {"torch": "PyTorch", "onnxruntime": "onnxruntime", "caffe2": "real Caffe2", "mdeploy": "mdeploy runtime"}


@dataclass(frozen=True)
class OutputResult:
    """One output of one golden case on one backend."""

    case: str
    kind: str
    output: str
    comparison: Comparison
    differences: DifferenceMap | None = field(default=None, repr=False, compare=False)


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
        }


def run_parity(
    artifact: Artifact,
    tolerance: Tolerance,
    names: Sequence[str] | None = None,
    options: PrepareOptions | None = None,
    tell: Tell = quiet,
) -> ParityReport:
    """Compare every backend asked for, or every installed one, with the golden outputs.

    ``tell`` gets one line per step. A backend that is asked for by name and missing raises ``UnavailableError``, and so
    does having none but PyTorch. One that cannot run the net is reported, and the others still run.
    """
    options = options or PrepareOptions()
    check_outputs(artifact, tolerance)
    cases = artifact.golden_cases()
    if not cases:
        raise InputError(f"{artifact.path}: has no golden cases to compare with; convert again")
    selection = select_backends(names)
    results: dict[str, BackendResult] = {}
    for name, absent in selection.missing:
        results[name] = BackendResult(name, name, "", "missing", absent.reason, absent.install)
    for backend in selection.present:
        tell(f"{backend.title}: loading")
        try:
            with _prepared(backend, artifact, options) as session:
                outputs = tuple(_run_cases(artifact, cases, backend, session, tolerance, tell))
        except UnavailableError as error:
            if names is not None:
                raise UnavailableError(f"backend {backend.name} cannot run: {error}") from error
            results[backend.name] = BackendResult(backend.name, backend.title, "", "missing", str(error))
            continue
        except MdeployError as error:
            version = backend.availability().version
            results[backend.name] = BackendResult(
                backend.name, backend.title, version, "error", str(error), exit_code=error.exit_code
            )
            continue
        passed = all(output.comparison.passed for output in outputs)
        results[backend.name] = BackendResult(
            backend.name,
            backend.title,
            backend.availability().version,
            "passed" if passed else "failed",
            outputs=outputs,
        )
    _require_other_than_reference(results)
    order = [*dict.fromkeys([*(names or ()), *results])] if names is not None else _table_order(results)
    reference = _REFERENCES[artifact.manifest.golden_backend]
    found = tuple(results[name] for name in order)
    return ParityReport(artifact.name, reference, tolerance, found, _warnings(cases, tolerance))


def check_outputs(artifact: Artifact, tolerance: Tolerance) -> None:
    """Raise ``UsageError`` where a tolerance names an output that the artifact does not have."""
    names = [spec.name for spec in artifact.manifest.outputs]
    for name, _ in tolerance.outputs:
        if name not in names:
            raise UsageError(f"--tol {name}=...: the outputs of {artifact.name} are {', '.join(names)}")


def _run_cases(
    artifact: Artifact,
    cases: Sequence[GoldenCase],
    backend: Backend,
    session: Session,
    tolerance: Tolerance,
    tell: Tell,
) -> Iterator[OutputResult]:
    specs = artifact.manifest.outputs
    for case in cases:
        tell(f"{backend.title}: {case.case}")
        outputs = session.run(case.inputs)
        if len(outputs) != len(specs):
            raise InputError(f"{len(outputs)} outputs where the manifest lists {len(specs)}")
        for spec, reference, actual in zip(specs, case.outputs, outputs, strict=True):
            comparison = compare(reference, actual, spec.meaning, tolerance.of(spec.name))
            yield OutputResult(case.case, case.kind, spec.name, comparison, difference_map(reference, actual))


@contextmanager
def _prepared(backend: Backend, artifact: Artifact, options: PrepareOptions) -> Iterator[Session]:
    session = backend.prepare(artifact, options)
    try:
        yield session
    finally:
        session.close()


def _require_other_than_reference(results: dict[str, BackendResult]) -> None:
    if any(result.status != "missing" for name, result in results.items() if name != REFERENCE):
        return
    reasons = "; ".join(
        f"{name}: {result.reason}" + (f" (install: {result.install})" if result.install else "")
        for name, result in results.items()
        if result.status == "missing"
    )
    raise UnavailableError(f"there is no runtime to compare with PyTorch; {reasons or 'name one by --backends'}")


def _table_order(results: dict[str, BackendResult]) -> list[str]:
    return [name for name in BACKENDS if name in results]


def _warnings(cases: Sequence[GoldenCase], tolerance: Tolerance) -> tuple[str, ...]:
    # A freshly initialised net answers the same whatever it is shown: then a wrong operator may go unseen.
    if len(cases) < 2:
        return ("only one golden case: parity is a weak witness",)
    for index in range(len(cases[0].outputs)):
        first = cases[0].outputs[index]
        spread = [compare(first, case.outputs[index], "logits", tolerance).required_tolerance for case in cases[1:]]
        if all(value is not None and value < 1e-3 for value in spread):
            return (f"output {index} hardly depends on the input (is the model trained?): parity is a weak witness",)
    return ()


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
