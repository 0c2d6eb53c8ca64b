# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Flags and arguments that several verbs share, declared once.

Paths are not checked here: the code that opens them says what is wrong with exit code 3, which is not usage (2).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "PATH",
    "artifact_argument",
    "backends_option",
    "comma_list",
    "json_option",
    "max_regression_option",
    "rtol_option",
    "source_option",
    "threads_option",
    "tol_option",
    "tolerances_option",
]

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
"""A path as it was given; existence is for the code that opens it."""


def comma_list(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Callback of a flag that takes ``a,b``: gives ``("a", "b")``, or None where it was not given."""
    if value is None:
        return None
    names = tuple(part.strip() for part in value.split(","))
    if not all(names):
        raise click.BadParameter(f"{value!r} is not a comma-separated list", ctx, parameter)
    return tuple(dict.fromkeys(names))


def artifact_argument(function: F) -> F:
    """``[ARTIFACT]``, by default where ``convert`` writes."""
    return click.argument("artifact", type=PATH, required=False, default=Path("mdeploy-out"))(function)


def backends_option(function: F) -> F:
    """``--backends a,b``: None means every installed one."""
    return click.option(
        "--backends",
        metavar="A,B",
        callback=comma_list,
        help="Runtimes to use: torch, onnxruntime, mdeploy, caffe2, openvino, ncnn, mnn, litert, executorch. "
        "Default: every installed one.",
    )(function)


def json_option(function: F) -> F:
    """``--json``, as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines instead of tables.")(function)


def tol_option(function: F) -> F:
    """``--tol``: the tolerance of the one rule."""
    return click.option(
        "--tol",
        type=click.FloatRange(min=0.0),
        default=1e-5,
        show_default=True,
        help="Probabilities: |a-b| <= TOL. Logits and log-probabilities: |a-b| <= TOL * max(1, |reference|).",
    )(function)


class _OutputTolerance(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.3
    name = "tolerance"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str | None, float]:
        output, _, figure = str(value).rpartition("=")
        try:
            tol = float(figure)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor OUTPUT=NUMBER", param, ctx)
        if not 0 <= tol < float("inf"):
            self.fail(f"{value!r} is not 0 or more", param, ctx)
        return output or None, tol


def tolerances_option(function: F) -> F:
    """``--tol``, also for single outputs: pairs of an output's name, or None for all others, and a tolerance."""
    return click.option(
        "--tol",
        "tolerances",
        type=_OutputTolerance(),
        multiple=True,
        metavar="[OUTPUT=]TOL",
        help="Probabilities: |a-b| <= TOL. Logits and log-probabilities: |a-b| <= TOL * max(1, |reference|). Again "
        "with OUTPUT=TOL for one output. Default: 1e-05.",
    )(function)


class _Percent(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.3
    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            share = float(str(value).removesuffix("%")) / 100
        except ValueError:
            self.fail(f"{value!r} is not a percentage", param, ctx)
        if not 0 <= share < float("inf"):
            self.fail(f"{value!r} is not a percentage of 0 or more", param, ctx)
        return share


def max_regression_option(function: F) -> F:
    """``--max-regression``, as a share."""
    return click.option(
        "--max-regression",
        type=_Percent(),
        default="5%",
        show_default=True,
        help="Exit code 1 when B is slower by more.",
    )(function)


def rtol_option(function: F) -> F:
    """``--rtol``: an added relative part."""
    return click.option(
        "--rtol",
        type=click.FloatRange(min=0.0),
        default=0.0,
        show_default=True,
        help="Adds RTOL * |reference| to what is allowed.",
    )(function)


def threads_option(function: F) -> F:
    """``--threads``: 0 lets each runtime choose."""
    return click.option(
        "--threads", type=click.IntRange(min=0), default=0, help="Threads per runtime. Default: each runtime's choice."
    )(function)


def source_option(function: F) -> F:
    """``--source``: where the original model is, for running PyTorch again."""
    return click.option(
        "--source",
        type=PATH,
        help="The model that was converted, so that PyTorch can run again. "
        "Default: looked for beside the artifact and in the current directory.",
    )(function)
