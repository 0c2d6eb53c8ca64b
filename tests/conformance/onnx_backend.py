# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX's own backend tests through ``convert`` and the runtimes: passed, refused with a reason, or failed.

``python tests/conformance/onnx_backend.py [--backends mdeploy,caffe2] [--match conv,pool] [--list refused]``

The tests feed everything as graph inputs, weights and axes too. In a model for a phone those are constants: where a
test is refused as it stands, all its inputs but the first become initializers and it is tried again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case import model, node

from mdeploy.artifact import Artifact
from mdeploy.backends import NetRunner, NetRunning, PrepareOptions, get_backend
from mdeploy.conversion import ConvertOptions, convert
from mdeploy.errors import InputError, MdeployError, UnsupportedError

KINDS = ("node", "simple", "light")
LIGHT = "onnx/backend/test/data/light/"


@dataclass(frozen=True)
class Result:
    """What became of one test."""

    name: str
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
                assert isinstance(backend, NetRunning)
                self._runners[name] = backend.net_runner(PrepareOptions())
            blobs = self._runners[name].run_nets(
                artifact.init_net.read_bytes(), artifact.predict_net.read_bytes(), feeds, fetch
            )
            yield name, [blobs[output] for output in fetch]

    def close(self) -> None:
        """End them."""
        for runner in self._runners.values():
            runner.close()


def cases(match: str = "", kinds: Sequence[str] = KINDS) -> list[Any]:
    """The tests whose name contains a part of ``match``."""
    found = [*node.collect_testcases(None), *model.collect_testcases()]
    parts = match.split(",")
    local = (case for case in found if _kind(case) in kinds and any(part in case.name for part in parts))
    return list({case.name: case for case in local}.values())


def _kind(case: Any) -> str:
    return "light" if (case.url or "").startswith(LIGHT) else str(case.kind)


def run_case(case: Any, runtimes: Runtimes) -> Result:
    """Convert one test model and run its data sets. Light models come without data: the golden cases are theirs."""
    if _kind(case) == "light":
        return _attempt(case, onnx.load(Path(onnx.__file__).parent.parent / case.url), None, runtimes)
    arrays = [item for inputs, outputs in case.data_sets for item in (*inputs, *outputs)]
    if not all(isinstance(array, (np.ndarray, np.generic)) for array in arrays):
        return Result(case.name, "refused", "inputs or outputs that are no tensors")
    data = [([np.asarray(a) for a in inputs], [np.asarray(a) for a in outputs]) for inputs, outputs in case.data_sets]
    result = _attempt(case, case.model, data, runtimes)
    if result.status == "refused" and len(case.model.graph.input) > 1:
        for inputs, outputs in data:
            frozen, kept = _freeze(case.model, inputs)
            result = _attempt(case, frozen, [(kept, outputs)], runtimes)
            if result.status != "passed":
                break
    return result


def _attempt(
    case: Any, proto: onnx.ModelProto, data: list[tuple[list[Any], list[Any]]] | None, runtimes: Runtimes
) -> Result:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "model.onnx"
        onnx.save(proto, path)
        try:
            artifact = convert(path, ConvertOptions(output=Path(place) / "out")).artifact
        except UnsupportedError as error:
            return Result(case.name, "refused", " ".join(str(error).split()))
        except InputError as error:
            if "onnxruntime cannot" in str(error):
                return Result(case.name, "refused", str(error))
            return Result(case.name, "failed", f"convert: {error}")
        except Exception as error:  # a traceback would be a failure of ours
            return Result(case.name, "failed", f"convert: {type(error).__name__}: {error}")
        if data is None:
            data = [(list(golden.inputs), list(golden.outputs)) for golden in artifact.golden_cases()]
        for inputs, outputs in data:
            feeds = [_cast(a, s.dtype) for a, s in zip(inputs, artifact.manifest.inputs, strict=True)]
            try:
                for name, answers in runtimes.run(artifact, feeds):
                    problem = _compare(answers, outputs, case.rtol, case.atol)
                    if problem:
                        return Result(case.name, "failed", f"{name}: {problem}")
            except MdeployError as error:
                return Result(case.name, "failed", f"run: {error}")
    return Result(case.name, "passed")


def _freeze(proto: onnx.ModelProto, inputs: list[Any]) -> tuple[onnx.ModelProto, list[Any]]:
    frozen = onnx.ModelProto()
    frozen.CopyFrom(proto)
    names = [value.name for value in frozen.graph.input]
    for name, array in list(zip(names, inputs, strict=False))[1:]:
        frozen.graph.initializer.append(numpy_helper.from_array(array, name))
    del frozen.graph.input[1:]
    frozen.ir_version = max(frozen.ir_version, 4)  # before, an initializer had to be an input too
    return frozen, inputs[:1]


def _cast(array: Any, dtype: str) -> Any:
    return array.astype(dtype) if array.dtype.kind == "f" else array


def _compare(answers: list[Any], outputs: list[Any], rtol: float, atol: float) -> str:
    for number, (answer, expected) in enumerate(zip(answers, outputs, strict=False)):
        if answer.shape != expected.shape:
            return f"output {number} has shape {answer.shape}, {expected.shape} is right"
        tolerance = max(rtol, 1e-3), max(atol, 1e-6)
        if expected.dtype == np.float16:
            tolerance = (5e-3, 5e-3)
        if not np.allclose(answer.astype(np.float64), expected.astype(np.float64), *tolerance, equal_nan=True):
            worst = np.nanmax(np.abs(answer.astype(np.float64) - expected.astype(np.float64)))
            return f"output {number} is off by {worst:.3g}"
    return ""


def main() -> int:
    """Run, print the counts, and return 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", default="mdeploy,caffe2")
    parser.add_argument("--match", default="", help="parts of names, by comma; default: all")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--list", choices=["passed", "refused", "failed"], action="append", default=["failed"])
    arguments = parser.parse_args()
    runtimes = Runtimes(arguments.backends.split(","))
    counts: Counter[str] = Counter()
    try:
        for case in cases(arguments.match, arguments.kinds.split(",")):
            result = run_case(case, runtimes)
            counts[result.status] += 1
            if result.status in arguments.list:
                print(f"{result.status:8} {result.name}: {result.reason[:300]}", flush=True)
    finally:
        runtimes.close()
    print(f"passed {counts['passed']}, refused {counts['refused']}, failed {counts['failed']}")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
