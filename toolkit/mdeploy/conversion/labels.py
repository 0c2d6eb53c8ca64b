# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Class names by index, from the files that they come in: a line each, ``index name``, JSON, or CSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mdeploy.errors import InputError, first_line
from mdeploy.files import read_regular
from mdeploy.models.snapshot import CONFIG, Snapshot

__all__ = ["check_labels", "labels_by_index", "read_labels", "snapshot_labels"]

_MAX_BYTES = 64 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NUMBERED = re.compile(r"\s*(\d+)\s*[:,;=\t ]\s*(\S.*)")
_INDEX_COLUMNS = ("index", "id", "idx", "class_id", "class_index", "class", "label_id", "target", "")
_NAME_COLUMNS = ("name", "label", "class_name", "display_name", "description", "title", "class")
_BACKGROUNDS = ("background", "__background__", "dummy", "none")


def read_labels(path: Path) -> tuple[str, ...]:
    """Read a file of class names. Raises ``InputError`` where it is none, or leaves a class without a name."""
    text = _text(path)
    if path.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "["):
        return _from_json(path, text)
    if path.suffix.lower() in (".csv", ".tsv"):
        return _from_table(path, text)
    return _from_lines(path, text)


def labels_by_index(named: Mapping[Any, Any], where: str) -> tuple[str, ...]:
    """Names of a mapping from index to name, or from name to index. Raises ``InputError`` where one is missing."""
    pairs = [(key, value) for key, value in named.items() if not isinstance(value, (list, tuple))]
    # Keras writes {"0": ["n01440764", "tench"]}.
    pairs += [(key, value[-1]) for key, value in named.items() if isinstance(value, (list, tuple)) and value]
    try:
        if pairs and all(isinstance(value, int) and not isinstance(value, bool) for _, value in pairs):
            return _dense([(value, str(key)) for key, value in pairs], where)
        return _dense([(int(key), str(value)) for key, value in pairs], where)
    except ValueError as error:
        raise InputError(f"{where}: neither indices with names nor names with indices: {first_line(error)}") from error


def snapshot_labels(snapshot: Snapshot) -> tuple[str, ...] | None:
    """Names of the classes by index, where the configuration has them."""
    labels = snapshot.labels
    where = str(snapshot.folder / CONFIG)
    if isinstance(labels, Mapping):
        return labels_by_index(labels, where)
    return tuple(str(label) for label in labels) if labels else None


def check_labels(labels: tuple[str, ...], shape: tuple[int, ...], where: str) -> None:
    """Raise ``InputError`` where there are more or fewer labels than the output has classes."""
    classes = 1 if not shape else shape[-1] if len(shape) <= 2 else shape[1]
    if len(labels) == classes:
        return
    text = f"{where}: {len(labels)} labels for an output of {classes} classes"
    if len(labels) == classes + 1 and labels[0].strip().lower() in _BACKGROUNDS:
        text += f"; the first, {labels[0]!r}, is one that this model does not have: leave that line out"
    elif len(labels) == classes + 1:
        text += f"; lists of {classes + 1} often begin with a background class, which this model does not have"
    elif len(labels) == classes - 1:
        text += "; perhaps the model has the background as its first class: put a line for it before the others"
    else:
        text += "; they do not belong together"
    raise InputError(text)


def _text(path: Path) -> str:
    content = read_regular(path, _MAX_BYTES)
    if content[:2] in _UTF16:
        raise InputError(f"{path}: is UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 ({first_line(error)}); save it as UTF-8") from error


def _from_lines(path: Path, text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise InputError(f"{path}: no labels in it; one class name a line is expected")
    blank = [number for number, line in enumerate(lines, start=1) if not line]
    numbered = [_NUMBERED.fullmatch(line) for line in lines if line]
    if len(numbered) > 1 and all(numbered) and _counts([int(m[1]) for m in numbered if m]):
        return _dense([(int(m[1]), m[2]) for m in numbered if m], str(path))
    if blank:
        raise InputError(
            f"{path}: line {blank[0]} is blank: is it a class without a name? Take the line out, or name the class"
        )
    return tuple(lines)


def _counts(numbers: list[int]) -> bool:
    """Whether they are indices: each once, from 0 or 1 on."""
    return min(numbers) in (0, 1) and len(set(numbers)) == len(numbers) and max(numbers) - min(numbers) < len(numbers)


def _from_json(path: Path, text: str) -> tuple[str, ...]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {first_line(error)}") from error
    if isinstance(data, dict):
        for key in ("id2label", "label_names", "labels", "names", "classes", "categories", "class_names", "label2id"):
            if isinstance(data.get(key), (dict, list)):
                data = data[key]
                break
    if isinstance(data, list) and all(isinstance(item, str) for item in data) and data:
        return tuple(data)
    if isinstance(data, list) and data and all(isinstance(item, dict) for item in data):
        return _from_rows(path, data)
    if isinstance(data, dict) and data:
        return labels_by_index(data, str(path))
    raise InputError(f"{path}: neither a list of names nor names by index")


def _from_table(path: Path, text: str) -> tuple[str, ...]:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:4096], ",;\t")
    except csv.Error:
        dialect = "excel-tab" if path.suffix.lower() == ".tsv" else "excel"
    rows = [row for row in csv.reader(text.splitlines(), dialect) if any(cell.strip() for cell in row)]
    if not rows:
        raise InputError(f"{path}: no labels in it")
    head = [cell.strip().lower() for cell in rows[0]]
    if any(cell in _NAME_COLUMNS for cell in head) and not any(cell.isdigit() for cell in head):
        return _from_rows(path, [dict(zip(head, row, strict=False)) for row in rows[1:]])
    if min(len(row) for row in rows) >= 2 and all(row[0].strip().isdigit() for row in rows):
        return _dense([(int(row[0]), row[1].strip()) for row in rows], str(path))
    return tuple(row[0].strip() for row in rows)


def _from_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    rows = [{str(key).strip().lower(): value for key, value in row.items()} for row in rows]
    keys = rows[0].keys() if rows else ()
    index = next((key for key in _INDEX_COLUMNS if key in keys and all(_is_index(row.get(key)) for row in rows)), None)
    name = next((key for key in _NAME_COLUMNS if key in keys and key != index), None)
    if name is None:
        raise InputError(f"{path}: no column of names; one called {', '.join(_NAME_COLUMNS[:3])} is expected")
    if index is None:
        return tuple(str(row.get(name, "")).strip() for row in rows)
    return _dense([(int(row[index]), str(row.get(name, "")).strip()) for row in rows], str(path))


def _is_index(value: Any) -> bool:
    return str(value).strip().isdigit()


def _dense(pairs: list[tuple[int, str]], where: str) -> tuple[str, ...]:
    """Names in the order of their indices, which count from 0, or from 1 where there is no 0."""
    if not pairs:
        raise InputError(f"{where}: no labels in it")
    names = dict(pairs)
    if len(names) != len(pairs):
        twice = next(index for index, _ in pairs if [other for other, _ in pairs].count(index) > 1)
        raise InputError(f"{where}: two names for class {twice}")
    first = min(names)
    missing = next((index for index in range(first, first + len(names)) if index not in names), None)
    if first not in (0, 1) or missing is not None:
        raise InputError(f"{where}: class {0 if first not in (0, 1) else missing} has no name")
    return tuple(names[index] for index in sorted(names))
