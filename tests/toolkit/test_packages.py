# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A missing package is told with the line that installs it, and nothing else is mistaken for one."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence

import pytest

from mdeploy.errors import UnavailableError
from mdeploy.packages import installed, missing

REQUIRED = ("click>=8.1", "onnx-ir>=0.1.10; extra == 'convert'", 'bokeh>=3; extra == "report"', "bokeh; extra == 'dev'")


@pytest.mark.parametrize(
    ("module", "source"),
    [("onnx_ir.passes", "'mdeploy[convert]'"), ("bokeh", "'mdeploy[report]'"), ("click", "click"), ("keras", "keras")],
)
def test_the_extra_that_brings_it(module: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(_name: str) -> Sequence[str]:
        return REQUIRED

    monkeypatch.setattr(importlib.metadata, "requires", requires)
    told = missing(ModuleNotFoundError(name=module))
    assert str(told) == f"{module.split('.')[0]} is not installed; get it with: pip install {source}"


def test_a_source_tree_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(_name: str) -> Sequence[str]:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "requires", requires)
    assert "pip install onnx_ir" in str(missing(ModuleNotFoundError(name="onnx_ir")))


def test_the_extras_of_this_project() -> None:
    for module, extra in (("torch", "convert"), ("onnxruntime", "convert"), ("ziglang", "cross"), ("optuna", "train")):
        assert f"'mdeploy[{extra}]'" in str(missing(ModuleNotFoundError(name=module)))


def test_ours_is_no_package_of_others() -> None:
    assert missing(ModuleNotFoundError(name="mdeploy.nothing")) is None
    with pytest.raises(ModuleNotFoundError), installed():
        import mdeploy.nothing  # type: ignore[import-not-found,unused-ignore]  # noqa: F401


def test_as_a_block_and_as_a_decorator() -> None:
    @installed()
    def call() -> None:
        import no_such_package_at_all  # type: ignore[import-not-found,unused-ignore]  # noqa: F401

    with pytest.raises(UnavailableError, match="pip install no_such_package_at_all"):
        call()
