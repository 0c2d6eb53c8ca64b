# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX's own backend tests through ``convert`` and the runtimes: passed, refused with a reason, or failed.

``python -m tools.conformance.onnx_backend [--backends mdeploy,caffe2] [--match conv,pool] [--list refused]``

The tests feed everything as graph inputs, weights and axes too. In a model for a phone those are constants: where a
test is refused as it stands, all its inputs but the first become initializers and it is tried again.

``--document docs/conformance.md`` puts the counts per operator and the reasons into that document.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from mdeploy.backends.base import NetBackend, NetRunner, PrepareOptions
from mdeploy.backends.registry import get_backend
from mdeploy.caffe2.pair import NetPair
from mdeploy.caffe2.registry import converters
from mdeploy.caffe2.translate import UnsupportedModelError
from mdeploy.conversion.model import ConvertOptions, convert
from mdeploy.errors import InputError, MdeployError, UnsupportedError
from mdeploy.formats.artifact import Artifact
from tools.conformance.backend_cases import (
    KINDS,
    DataSets,
    cases,
    data_sets,
    freeze,
    is_float,
    kind_of,
    light_model,
    operator_of,
)

# float32 answers are held against the tests' own answers; half precision is computed in float32 and compared as half.
_TOLERANCES = {"float16": (5e-3, 5e-3), "bfloat16": (2e-2, 2e-2)}
_STATUSES = ("passed", "refused", "failed")


@dataclass(frozen=True)
class Result:
    """What became of one test."""

    name: str
    operator: str
    about_floats: bool
    status: str
    reason: str = ""


class Runtimes:
    """The runtimes to judge, each started once."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._runners: dict[str, NetRunner] = {}

    def run(self, artifact: Artifact, inputs: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
        """Outputs of each runtime."""
        manifest = artifact.manifest
        feeds = {spec.name: array for spec, array in zip(manifest.inputs, inputs, strict=True)}
        fetch = [spec.name for spec in manifest.outputs]
        for name in self._names:
            if name not in self._runners:
                backend = get_backend(name)
                assert isinstance(backend, NetBackend)
                self._runners[name] = backend.net_runner(PrepareOptions())
            blobs = self._runners[name].run_nets(
                NetPair(artifact.init_net.read_bytes(), artifact.predict_net.read_bytes()), feeds, fetch
            )
            yield name, [blobs[output] for output in fetch]

    def close(self) -> None:
        """End them."""
        for runner in self._runners.values():
            runner.close()


def run_case(case: Any, runtimes: Runtimes) -> Result:
    """Convert one test model and run its data sets. Light models come without data: the golden cases are theirs."""
    status, reason = _judge(case, runtimes)
    return Result(case.name, operator_of(case), is_float(case), status, reason)


def _judge(case: Any, runtimes: Runtimes) -> tuple[str, str]:
    if kind_of(case) == "light":
        return _attempt(case, light_model(case), None, runtimes)
    data = data_sets(case)
    if data is None:
        return "refused", "inputs or outputs that are no tensors"
    status, reason = _attempt(case, case.model, data, runtimes)
    if status == "refused" and len(case.model.graph.input) > 1:
        for inputs, outputs in data:
            frozen, kept = freeze(case.model, inputs)
            status, reason = _attempt(case, frozen, [(kept, outputs)], runtimes)
            if status != "passed":
                break
    return status, reason


def _attempt(case: Any, proto: onnx.ModelProto, data: DataSets | None, runtimes: Runtimes) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "model.onnx"
        onnx.save(proto, path)
        try:
            artifact = convert(path, ConvertOptions(output=Path(place) / "out")).artifact
        except UnsupportedModelError as error:
            finding = error.findings[0]
            return "refused", f"{finding.op_type}: {finding.reason}"
        except UnsupportedError as error:
            return "refused", " ".join(str(error).split())
        except InputError as error:
            if "onnxruntime cannot" in str(error):
                return "refused", str(error)
            return "failed", f"convert: {error}"
        except Exception as error:  # a traceback would be a failure of ours
            return "failed", f"convert: {type(error).__name__}: {error}"
        if data is None:
            data = [(list(golden.inputs), list(golden.outputs)) for golden in artifact.golden_cases()]
        for inputs, outputs in data:
            feeds = [_cast(a, s.dtype) for a, s in zip(inputs, artifact.manifest.inputs, strict=True)]
            try:
                for name, answers in runtimes.run(artifact, feeds):
                    problem = _compare(answers, outputs, case.rtol, case.atol)
                    if problem:
                        return "failed", f"{name}: {problem}"
            except MdeployError as error:
                return "failed", f"run: {error}"
    return "passed", ""


def _cast(array: Any, dtype: str) -> Any:
    return array.astype(dtype) if dtype == "float32" else array


def _compare(answers: list[Any], outputs: list[Any], rtol: float, atol: float) -> str:
    for number, (answer, expected) in enumerate(zip(answers, outputs, strict=True)):
        if answer.shape != expected.shape:
            return f"output {number} has shape {answer.shape}, {expected.shape} is right"
        if expected.dtype.kind in "iub" and answer.dtype != expected.dtype:
            return f"output {number} has type {answer.dtype}, {expected.dtype} is right"
        tolerance = _TOLERANCES.get(str(expected.dtype), (max(rtol, 1e-3), max(atol, 1e-6)))
        if not np.allclose(answer.astype(np.float64), expected.astype(np.float64), *tolerance, equal_nan=True):
            worst = np.nanmax(np.abs(answer.astype(np.float64) - expected.astype(np.float64)))
            return f"output {number} is off by {worst:.3g}"
    return ""


def groups(results: Sequence[Result]) -> dict[str, list[Result]]:
    """All tests, those about floats, and of those the ones of operators that the converter knows."""
    floats = [item for item in results if item.about_floats]
    known = [item for item in floats if item.operator in (*converters(), "LogSoftmax") or " " in item.operator]
    return {"all": list(results), "about floats": floats, "about floats, of operators in docs/operators.md": known}


def document(path: Path, results: Sequence[Result]) -> None:
    """Replace the generated part of a document: all of it from its first table on."""
    lines = ["| tests | passed | refused | failed |", "| --- | --- | --- | --- |"]
    lines.extend(f"| {title} | {_counts(chosen)} |" for title, chosen in groups(results).items())
    lines += ["", "Of the last line were refused:", ""]
    *_, known = groups(results).values()
    lines.extend(f"- {item.name}: {item.reason[:160]}" for item in known if item.status != "passed")
    lines += ["", "| operator | passed | refused | failed | why |", "| --- | --- | --- | --- | --- |"]
    for operator in sorted({item.operator for item in results}, key=str.lower):
        chosen = [item for item in results if item.operator == operator]
        reasons = Counter(_short(item.reason, operator) for item in chosen if item.status != "passed")
        why = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common(4))
        lines.append(f"| {operator} | {_counts(chosen)} | {why} |")
    head = path.read_text().partition("\n| ")[0]
    path.write_text(head + "\n" + "\n".join(lines) + "\n")


def _counts(results: Sequence[Result]) -> str:
    counts = Counter(item.status for item in results)
    return " | ".join(str(counts[status]) for status in _STATUSES)


def _short(reason: str, operator: str) -> str:
    """A reason without the names and figures of one test."""
    reason = re.sub(r"^(\w+\.)*\w+\.onnx: |\[ONNXRuntimeError\] : \d+ : ", "", reason.removeprefix(f"{operator}: "))
    reason = re.sub(r"'[^']*' has type", "type", re.sub(r"\[[-\d, ]+\]", "[...]", reason))
    return reason.replace("|", "/")[:110]


def main() -> int:
    """Run, print the counts, and return 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", default="mdeploy,caffe2")
    parser.add_argument("--match", default="", help="parts of names, by comma; default: all")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--list", choices=_STATUSES, action="append", default=["failed"])
    parser.add_argument("--document", type=Path, metavar="FILE", help="put the table into this Markdown file")
    arguments = parser.parse_args()
    runtimes = Runtimes(arguments.backends.split(","))
    results: list[Result] = []
    try:
        for case in cases(arguments.match, arguments.kinds.split(",")):
            result = run_case(case, runtimes)
            results.append(result)
            if result.status in arguments.list:
                print(f"{result.status:8} {result.name}: {result.reason[:300]}", flush=True)
    finally:
        runtimes.close()
    for title, chosen in groups(results).items():
        counts = Counter(item.status for item in chosen)
        print(f"{title}: " + ", ".join(f"{status} {counts[status]}" for status in _STATUSES))
    if arguments.document is not None:
        document(arguments.document, results)
    return 1 if any(result.status == "failed" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
