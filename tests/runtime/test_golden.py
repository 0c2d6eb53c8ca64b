# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The runtime against nets made and answered by real Caffe2 (tests/golden/generate.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mdeploy import native
from mdeploy.caffe2.pair import NetPair
from mdeploy.errors import InputError, UnsupportedError
from mdeploy.tensors import TensorSpec

GOLDEN = Path(__file__).parents[1] / "golden" / "operators"
CASES = sorted(path.name for path in GOLDEN.iterdir())
REFUSED = [name for name in CASES if (GOLDEN / name / "refused.txt").exists()]
ANSWERED = [name for name in CASES if name not in REFUSED]

Array = npt.NDArray[Any]


def _arrays(case: str, kind: str) -> list[Array]:
    folder = GOLDEN / case
    return [np.load(folder / f"{kind}_{index}.npy") for index in range(len(list(folder.glob(f"{kind}_*.npy"))))]


def _load(case: str, **options: Any) -> native.NativeNet:
    folder = GOLDEN / case
    predict = next(folder.glob("predict_net.pb*"))
    specs = [TensorSpec.of("", array) for array in _arrays(case, "input")]
    return native.load_net(NetPair(folder / "init_net.pb", predict), specs, **options)


def _run(case: str, **options: Any) -> list[Array]:
    with _load(case, **options) as net, net.session(threads=2) as session:
        outputs: list[Array] = session.run(_arrays(case, "input"))
        return outputs


def _check(case: str, found: list[Array], rtol: float = 2e-6) -> None:
    expected = _arrays(case, "output")
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        if theirs.dtype == np.float32:
            scale = max(1.0, float(np.max(np.abs(theirs), initial=0.0)))
            np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * scale)
        else:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("case", ANSWERED)
def test_answers_as_caffe2(case: str) -> None:
    _check(case, _run(case))


@pytest.mark.parametrize("case", ANSWERED)
def test_answers_as_caffe2_without_passes_and_kernels(case: str) -> None:
    _check(case, _run(case, isa="reference", skip_passes=["all"]))


@pytest.mark.parametrize("case", ANSWERED)
def test_keeping_blobs_changes_nothing(case: str) -> None:
    _check(case, _run(case, keep_blobs=["*"]))


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_what_caffe2_refuses(case: str) -> None:
    with pytest.raises((InputError, UnsupportedError)) as refusal:
        _run(case)
    message = str(refusal.value)
    assert "\n" not in message
    # The operator at fault is named, or the blob.
    assert "operator" in message or "output" in message


def test_there_are_cases_for_every_operator() -> None:
    used = set()
    for case in CASES:
        used |= {operator for operator in native.operators() if _mentions(case, operator)}
    # Names of one operator under a second name, and what only training nets or other devices hold.
    others = {"AveragePool2D", "Conv2D", "MaxPool2D", "Alias", "CopyFromCPUInput", "EnsureCPUOutput",
              "GivenTensorBoolFill", "GivenTensorInt16Fill", "GivenTensorStringFill",
              "GivenTensorByteStringToUInt8Fill"}  # fmt: skip
    assert sorted(set(native.operators()) - used - others) == []


def _mentions(case: str, operator: str) -> bool:
    name = operator.encode()
    for path in (GOLDEN / case).glob("*_net.pb*"):
        data = path.read_bytes()
        if b'"' + name + b'"' in data or bytes([0x22, len(name)]) + name in data:
            return True
    return False
