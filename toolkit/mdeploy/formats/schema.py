# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The schema of one kind of document: its version, what leads from older ones to it, the check of untrusted data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice
from types import NoneType
from typing import Any

import jsonschema
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

from mdeploy.errors import InputError

__all__ = ["DocumentSchema", "validate"]

_ERRORS = 20
"""So many errors are looked at for the most telling one: a hostile document has millions."""

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class DocumentSchema:
    """``name`` is that of the file in ``schemas/`` and, after ``mdeploy-``, of the document's key ``schema``.

    ``upgrades[i]`` makes a document of version i + 1 one of version i + 2, so their number tells the version.
    """

    name: str
    title: str
    """What the document is, for messages."""
    file: str = ""
    """Name of the file where it is not ``name``."""
    upgrades: tuple[Upgrade, ...] = ()

    @property
    def version(self) -> int:
        """The version that is written, and the newest that is read."""
        return len(self.upgrades) + 1

    @property
    def id(self) -> str:
        """The value of the document's key ``schema``."""
        return f"mdeploy-{self.name}/{self.version}"

    @property
    def definition(self) -> dict[str, Any]:
        """The JSON schema of the current version."""
        return _load(self.file or self.name)

    def is_ours(self, data: Any) -> bool:
        """Whether it says that it is one of these, of any version."""
        return self._version_of(data) is not None

    def current(self, data: Any, where: str) -> dict[str, Any]:
        """Bring a document of any version to the current one and validate it.

        Raises ``InputError`` naming ``where`` and the key at fault, or the version where that is a newer one.
        """
        version = self._version_of(data)
        if version is not None and version > self.version:
            raise InputError(
                f"{where}: {data['schema']} was written by a newer mdeploy, and this one reads up to version "
                f"{self.version}; update it: pip install --upgrade mdeploy"
            )
        for upgrade in self.upgrades[(version or self.version) - 1 :]:
            data = upgrade(data)
        validate(data, self.definition, f"{where}: not {self.title}")
        return data  # type: ignore[no-any-return]

    def _version_of(self, data: Any) -> int | None:
        said = data.get("schema") if isinstance(data, dict) else None
        found = re.fullmatch(rf"mdeploy-{self.name}/([1-9][0-9]{{0,5}})", said) if isinstance(said, str) else None
        return None if found is None else int(found[1])


@cache
def _load(name: str) -> dict[str, Any]:
    text = (resources.files("mdeploy.formats") / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def validate(data: Any, schema: Mapping[str, Any], where: str) -> None:
    """Validate parsed JSON in a time that the schema's bounds decide. Raises ``InputError`` naming the key at fault."""
    error = best_match(islice(_Validator(schema).iter_errors(data), _ERRORS))
    if error is None:
        return
    key = error.json_path.removeprefix("$").lstrip(".") or "the top level"
    message = error.message if len(error.message) <= 200 else error.message[:200] + "..."
    raise InputError(f"{where}: {key}: {message}")


_Errors = Iterator[ValidationError]
_PYTHON_TYPES: dict[str, set[type]] = {
    "number": {int, float},
    "integer": {int},
    "string": {str},
    "boolean": {bool},
    "null": {NoneType},
}


def _items(validator: Any, items: Any, instance: Any, schema: Mapping[str, Any]) -> _Errors:
    if not isinstance(instance, list) or len(instance) > schema.get("maxItems", len(instance)):
        return  # maxItems has said so: what is too long is not looked through
    if items.keys() == {"type"}:
        names = [items["type"]] if isinstance(items["type"], str) else items["type"]
        if set(map(type, instance)) <= set().union(*(_PYTHON_TYPES.get(name, set()) for name in names)):
            return
    yield from Draft202012Validator.VALIDATORS["items"](validator, items, instance, schema)


def _members(keyword: str) -> Callable[..., _Errors]:
    check = Draft202012Validator.VALIDATORS[keyword]

    def members(validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> _Errors:
        if isinstance(instance, dict) and len(instance) <= schema.get("maxProperties", len(instance)):
            yield from check(validator, value, instance, schema)

    return members


def _at_most(kind: type[str] | type[list[Any]] | type[dict[str, Any]], what: str) -> Callable[..., _Errors]:
    def at_most(_validator: Any, most: int, instance: Any, _schema: Any) -> _Errors:
        if isinstance(instance, kind) and len(instance) > most:
            yield ValidationError(f"{len(instance)} {what}, at most {most} are taken")

    return at_most


def _type(validator: Any, types: Any, instance: Any, schema: Any) -> _Errors:
    # The library writes the whole value into its message.
    shown = type(instance)() if isinstance(instance, (str, list, dict)) and len(instance) > 100 else instance
    yield from Draft202012Validator.VALIDATORS["type"](validator, types, shown, schema)


_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "items": _items,
        "additionalProperties": _members("additionalProperties"),
        "propertyNames": _members("propertyNames"),
        "maxItems": _at_most(list, "entries"),
        "maxProperties": _at_most(dict, "members"),
        "maxLength": _at_most(str, "characters"),
        "type": _type,
    },
    # 1.0 is an integer to JSON Schema, and none to a reader in C++ or Java.
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)
