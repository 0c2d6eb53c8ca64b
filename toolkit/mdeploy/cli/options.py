# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Flags and arguments that several verbs share: each is declared here, once, and no other file declares it again.

A group hands its flags to the verb as one value: ``prepare_options`` as the ``PrepareOptions`` of a backend, and
``history_options`` (recording.py) as the recorder. The flags of the harness are the fields of its ``BenchOptions``.

Paths are not checked here: the code that opens them says what is wrong with exit code 3, which is not usage (2).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from mdeploy.backends.table import BACKENDS

__all__ = [
    "PATH",
    "FiniteRange",
    "artifact_argument",
    "backends_option",
    "comma_list",
    "db_option",
    "input_shapes_option",
    "json_option",
    "keystore_option",
    "last_option",
    "markdown_option",
    "max_regression_option",
    "model_filter_option",
    "model_options",
    "output_option",
    "prepare_options",
    "rtol_option",
    "tol_option",
    "tolerances_option",
]

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
"""A path as it was given; existence is for the code that opens it."""


_RULE = "Probabilities: |a-b| <= TOL. Logits and log-probabilities: |a-b| <= TOL * max(1, |reference|)"


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
        help=f"Backends to use: {', '.join(BACKENDS)}. Default, and all: every installed one; "
        "of predict, those whose files need not be made first.",
    )(function)


def json_option(function: F) -> F:
    """``--json``, as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines instead of tables.")(function)


def tol_option(keyword: str) -> Callable[[F], F]:
    """``--tol``: the tolerance of the one rule."""
    return click.option(
        "--tol",
        keyword,
        type=FiniteRange(min=0.0),
        default=1e-5,
        show_default=True,
        help=_RULE + ".",
    )


class FiniteRange(click.FloatRange):
    """click's own takes nan, and infinity where there is no upper end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


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
        help=_RULE + ". Again with OUTPUT=TOL for one output. Default: 1e-05.",
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
        help="Exit code 1 when B is slower by more than this.",
    )(function)


def rtol_option(function: F) -> F:
    """``--rtol``: an added relative part."""
    return click.option(
        "--rtol",
        type=FiniteRange(min=0.0),
        default=0.0,
        show_default=True,
        help="Adds RTOL * |reference| to the tolerance.",
    )(function)


def output_option(what: str, default: str | None = ".") -> Callable[[F], F]:
    """``-o``, ``--output``: where the verb writes; None where nothing is written unless asked for."""
    shown = {None: "", ".": " Default: the current one."}.get(default, f" Default: {default}.")
    return click.option(
        "-o", "--output", type=PATH, default=None if default is None else Path(default), help=f"{what}{shown}"
    )


def keystore_option(when: str = "") -> Callable[[F], F]:
    """``--keystore``."""
    return click.option("--keystore", type=PATH, help=f"{when}Sign the app with the key in this PEM or PKCS#12 file.")


def markdown_option(function: F) -> F:
    """``--markdown``, as ``markdown_file``."""
    return click.option("--markdown", "markdown_file", type=PATH, help="Also write the tables as Markdown.")(function)


def db_option(function: F) -> F:
    """``--db``: the history file."""
    return click.option(
        "--db", type=PATH, help="History file. Default: MDEPLOY_DB, or history.db in the user's data folder."
    )(function)


def last_option(default: int) -> Callable[[F], F]:
    """``--last``: how many of the newest runs."""
    return click.option(
        "--last",
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        help="At most this many recorded runs.",
    )


def model_filter_option(function: F) -> F:
    """``--artifact``: a model's name, of recorded runs."""
    return click.option("--artifact", help="Only recorded runs of the model of this name.")(function)


def _shape_map(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Shapes by name, the only input under the name ""."""
    shapes: dict[str, tuple[int, ...]] = {}
    for text in values:
        name, _, dims = text.rpartition("=")
        try:
            shape = tuple(int(part) for part in dims.replace("x", ",").split(","))
        except ValueError:
            shape = ()
        if not shape or min(shape) < 1 or len(shape) > 8:
            raise click.BadParameter(f"{text!r} is not like 1,3,224,224 or image=1,3,224,224", ctx, parameter)
        if name in shapes:
            raise click.BadParameter(f"two shapes for {name or 'the input'}", ctx, parameter)
        shapes[name] = shape
    return shapes


def input_shapes_option(function: F) -> F:
    """``--input-shape``, as ``input_shapes``: shapes by name, the only input under the name ""."""
    return click.option(
        "--input-shape",
        "input_shapes",
        metavar="[NAME=]1,3,32,32",
        multiple=True,
        callback=_shape_map,
        help="Fixes the shape of an input that the file leaves open.",
    )(function)


def _arguments(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise click.BadParameter(f"{text!r} is not like width=64 or norm=batch", ctx, parameter)
        try:
            arguments[key] = json.loads(value)
        except ValueError:
            arguments[key] = {"True": True, "False": False, "None": None}.get(value, value)
    return arguments


def model_options(function: F) -> F:
    """``--model`` and ``--model-arg``, as ``model`` and ``model_args``: what makes the module of bare weights."""
    named = click.option(
        "--model",
        metavar="FILE_OR_MODULE:FACTORY",
        help="Makes the module of a state_dict: net.py:make, torchvision.models:resnet18, or a model of timm's by "
        "timm:NAME. This runs the factory's code: name only code that you trust.",
    )
    arguments = click.option(
        "--model-arg", "model_args", metavar="K=V", multiple=True, callback=_arguments, help="Factory argument."
    )
    return named(arguments(function))


def prepare_options(threads: int = 0) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--source``, ``--model``, ``--model-arg`` and ``--threads`` as one ``prepare``: for backends.

    Args:
        threads: the default; 0 lets each backend choose.
    """
    chosen = "each backend's choice" if threads == 0 else str(threads)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @click.option(
            "--source",
            type=PATH,
            help="The file that was converted, for running PyTorch again. "
            "Default: looked for beside the artifact and in the current directory.",
        )
        @model_options
        @click.option(
            "--threads", type=click.IntRange(min=0), default=threads, help=f"Threads per backend. Default: {chosen}."
        )
        @wraps(function)
        def wrapped(
            *arguments: Any,
            source: Path | None,
            model: str | None,
            model_args: dict[str, Any],
            threads: int,
            **flags: Any,
        ) -> Any:
            from mdeploy.backends.base import PrepareOptions

            asked = PrepareOptions(threads, source, model, model_args or None)
            return function(*arguments, prepare=asked, **flags)

        return wrapped

    return decorate
