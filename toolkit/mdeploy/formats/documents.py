# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""Documents that outlive the mdeploy that wrote them, and how they may grow.

The rule, for every schema in ``schemas/``, whoever reads it (Python, C++, Java):

1. A new member is optional. It has a default here, and what it says may be missing from any older document.
2. Readers ignore members that they do not know. They never refuse one for having more.
3. Anything else (a member goes, gets another meaning or unit, becomes required, a list of values is closed or gets
   another one that older readers would refuse) raises the version in the key ``schema`` and brings a function that
   makes a document of the new version out of one of the old (``DocumentSchema.upgrades``).
4. One document of every version stays in ``tests/golden/documents/``, as it was written then, and is read in a test.
5. A document of a newer version is refused in one line that says so and what to do.

Documents are untrusted. Their schemas bound every text and every array, so that a check takes bounded time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mdeploy.errors import InputError
from mdeploy.formats.evaluation import EvaluationRecord
from mdeploy.formats.parity import LayersRecord, ParityRecord
from mdeploy.formats.report import Report
from mdeploy.formats.schema import DocumentSchema

__all__ = ["KINDS", "Stored", "read_document", "read_outcomes"]

Stored = Report | ParityRecord | LayersRecord | EvaluationRecord
"""What the history keeps. Each has ``kind``, ``artifact``, ``outcome`` and ``headline``."""

_READERS: dict[str, Callable[[Any, str], Stored]] = {
    "mdeploy-report": Report.from_json,
    "mdeploy-parity": ParityRecord.from_json,
    "mdeploy-parity-layers": LayersRecord.from_json,
    "mdeploy-evaluation": EvaluationRecord.from_json,
}

KINDS = (Report.kind, ParityRecord.kind, LayersRecord.kind, EvaluationRecord.kind)

_OUTCOMES = DocumentSchema("outcomes", "what bench prints for several devices")


def read_document(data: Any, where: str) -> Stored:
    """Recognise parsed JSON by its key ``schema``, of whatever version, and make it the document that it is.

    Raises ``InputError`` naming ``where`` for what is none of ours, is damaged, or is of a newer version.
    """
    schema = data.get("schema") if isinstance(data, dict) else None
    reader = _READERS.get(schema.partition("/")[0]) if isinstance(schema, str) else None
    if reader is None:
        shown = repr(schema)[:100]
        raise InputError(f"{where}: schema {shown} is none of {', '.join(_READERS)}")
    return reader(data, where)


def read_outcomes(data: Any, where: str) -> list[tuple[str, Report]] | None:
    """The device and the report of each that has one, where this is what bench prints for several; else None.

    Raises ``InputError`` for a damaged one.
    """
    if not (isinstance(data, dict) and (_OUTCOMES.is_ours(data) or ("devices" in data and "schema" not in data))):
        return None
    devices = _OUTCOMES.current(data, where)["devices"]
    return [
        (item["device"], Report.from_json(item["report"], f"{where}: {item['device']}"))
        for item in devices
        if item.get("report") is not None
    ]
