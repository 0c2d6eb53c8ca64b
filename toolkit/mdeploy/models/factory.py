# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``--model FILE_OR_MODULE:FACTORY``: the only place where the user names code, and the only code that is run.

``timm:NAME`` is a model of timm's registry, ``transformers:CLASS`` one of transformers' image classifiers.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from mdeploy.errors import InputError, MdeployError, UnavailableError, UsageError, named_line
from mdeploy.models import timm_models, transformers_models
from mdeploy.models.fit import Tensors, fill
from mdeploy.models.libraries import TIMM, TRANSFORMERS

__all__ = ["build_module", "filled_module", "made_by"]


def filled_module(
    spec: str, arguments: Mapping[str, Any], tensors: Tensors, where: str, folder: Path | None = None
) -> tuple[nn.Module, tuple[str, ...]]:
    """The model that ``spec`` names with these weights, and what the user should know of them.

    ``folder`` holds the config.json that transformers makes its models by. Raises ``InputError`` where the factory
    fails or the weights do not fit, ``UnavailableError`` where the library that is named is not installed.
    """
    if spec.startswith(TRANSFORMERS):
        return transformers_models.filled(spec, tensors, where, folder)
    module = build_module(spec, arguments)
    return module, fill(module, tensors, where, spec)


def build_module(spec: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Import the module or file of ``spec``, call its factory, and return the model it makes."""
    of_timm = spec.startswith(TIMM)
    factory = timm_models.timm_factory(spec.removeprefix(TIMM), arguments) if of_timm else _named(spec)
    model = _run(lambda: factory(**arguments), f"--model {spec}: the factory failed")
    if not isinstance(model, nn.Module):
        raise InputError(f"--model {spec}: the factory gave {type(model).__name__}, a torch.nn.Module is wanted")
    return model


def made_by(spec: str, flag: str) -> Any:
    """What FILE_OR_MODULE:FACTORY makes, called without arguments, or a transform that is there already.

    ``flag`` is the one that names it.
    """
    factory = _attribute(spec, flag)
    if hasattr(factory, "transforms"):
        return factory
    return _run(factory, f"{flag} {spec}: the factory failed")


def _named(spec: str) -> Callable[..., Any]:
    """The factory of a model that a file or an importable module has."""
    factory = _attribute(spec, "--model")
    if isinstance(factory, nn.Module):
        raise UsageError(f"--model {spec}: is a model already; name what makes one")
    if not callable(factory):
        raise InputError(f"--model {spec}: {spec.rpartition(':')[2]} cannot be called")
    made: Callable[..., Any] = factory
    return made


def _attribute(spec: str, flag: str) -> Any:
    place, colon, attribute = spec.rpartition(":")
    if not colon or not place or not attribute:
        raise UsageError(
            f"{flag} {spec}: FILE_OR_MODULE:FACTORY is wanted, such as net.py:make or torchvision.models:resnet18"
        )
    module = _load_file(Path(place), flag) if place.endswith(".py") else _import(place, flag)
    factory: Any = module
    for part in attribute.split("."):
        factory = getattr(factory, part, None)
    if factory is None:
        raise InputError(f"{flag} {spec}: {place} has no {attribute}")
    return factory


def _load_file(path: Path, flag: str) -> ModuleType:
    if not path.is_file():
        raise InputError(f"{flag}: {path}: no such file")
    # Under its own name, with its folder first, as if Python had started there: model files import their neighbours.
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)
        loader = spec.loader
        _run(lambda: loader.exec_module(module), f"{flag}: cannot load {path}")
    finally:
        sys.path.pop(0)
    return module


def _import(name: str, flag: str) -> ModuleType:
    if name.partition(".")[0] == "torchvision" and importlib.util.find_spec("torchvision") is None:
        raise UnavailableError(f"{flag} {name}: torchvision is not installed; get it with: pip install torchvision")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module: ModuleType = _run(lambda: importlib.import_module(name), f"{flag}: cannot import {name}")
    finally:
        sys.path.pop(0)
    return module


def _run(call: Callable[[], Any], what: str) -> Any:
    try:
        return call()
    except MdeployError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise InputError(f"{what}: {named_line(error)}") from error
