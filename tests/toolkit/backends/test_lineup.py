# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Who takes part, and what is said of those that do not."""

from __future__ import annotations

import pytest

from mdeploy.backends.base import Backend
from mdeploy.backends.lineup import Absent, Lineup, Outcome, explain, select_backends
from mdeploy.backends.table import BACKENDS
from mdeploy.errors import InputError, MdeployError, UnavailableError, UnsupportedError
from mdeploy.formats.artifact import Artifact

NAMES = ["onnxruntime", "mdeploy", "torch"]


def fails(error: MdeployError, name: str = "mdeploy"):
    def work(backend: Backend) -> str:
        if backend.name == name:
            raise error
        return backend.title

    return work


def test_results_keep_the_order_asked_for(tiny_artifact: Artifact) -> None:
    outcome = Lineup(tiny_artifact, NAMES).each(lambda backend: backend.title)
    assert list(outcome.done.items()) == [
        ("onnxruntime", "onnxruntime"),
        ("mdeploy", "mdeploy runtime"),
        ("torch", "PyTorch"),
    ]
    assert outcome.absent == ()


@pytest.mark.parametrize("error", [UnavailableError("gone"), UnsupportedError("no such operator"), InputError("cut")])
def test_of_all_that_are_here_one_may_fail(tiny_artifact: Artifact, error: MdeployError) -> None:
    outcome = Lineup(tiny_artifact).each(fails(error))
    assert {"torch", "onnxruntime"} <= set(outcome.done)
    assert set(outcome.done) | {absent.name for absent in outcome.absent} == set(BACKENDS)
    (ours,) = (absent for absent in outcome.absent if absent.name == "mdeploy")
    assert (ours.reason, ours.exit_code, ours.missing) == (str(error), error.exit_code, error.exit_code == 5)
    assert ours.version


def test_one_that_was_asked_for_may_not_be_missing(tiny_artifact: Artifact) -> None:
    lineup = Lineup(tiny_artifact, NAMES)
    with pytest.raises(UnavailableError, match="backend mdeploy cannot run: gone"):
        lineup.each(fails(UnavailableError("gone")))
    outcome = lineup.each(fails(InputError("cut")))
    assert list(outcome.done) == ["onnxruntime", "torch"]
    with pytest.raises(InputError, match=r"^cut$"):
        lineup.each(fails(InputError("cut")), fatal=MdeployError)


def test_all_of_them_missing_says_why() -> None:
    absent = (Absent("a", "A", "not here", "pip install a"), Absent("b", "B", "broken", exit_code=3))
    assert explain(absent) == "a: not here; install it with: pip install a; b: broken"
    with pytest.raises(UnavailableError, match="no backend can run this model; a: not here; install it with: pip"):
        Outcome({}, absent).require()
    Outcome({"c": 1}, absent).require()


def test_all_means_every_backend_that_is_here() -> None:
    assert select_backends(("all",)) == select_backends(None)
