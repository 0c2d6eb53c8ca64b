# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""The lists of what is here: devices, recorded runs, and what doctor found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mdeploy import figures
from mdeploy.tables import Mark, Table, name, number, text

if TYPE_CHECKING:
    from mdeploy.deployment.devices.base import DeviceInfo
    from mdeploy.doctor import Finding, Health
    from mdeploy.reports.history import History, Run

__all__ = ["devices_table", "doctor_table", "history_table"]


def devices_table(devices: Sequence[DeviceInfo]) -> Table:
    """What ``--device`` takes."""
    columns = (
        text("--device", key=True),
        text("Device"),
        text("System", spare=2),
        name("ABI"),
        number("Cores", spare=1),
        text(""),
    )
    rows = [
        (
            device.name,
            device.description,
            device.os,
            device.abi,
            device.cores,
            Mark("ready", True) if device.available else Mark(device.note, None),
        )
        for device in devices
    ]
    return Table("", columns, rows)


def history_table(history: History, runs: Sequence[Run]) -> Table:
    """Recorded runs, newest first."""
    columns = (
        number("Run"),
        text("When (UTC)", spare=1),
        name("Kind", spare=2),
        text("Model", key=True),
        text("Where"),
        name("Outcome"),
        text("Figure"),
    )
    rows = []
    for item in runs:
        when = item.created.partition("+")[0].replace("T", " ")[:16]
        threads = "" if item.threads is None else figures.plural(item.threads, "thread")
        where = ", ".join(filter(None, (item.target, threads)))
        rows.append((item.id, when, item.kind, item.artifact, where, item.outcome, item.headline))
    return Table(str(history.path), columns, rows)


def doctor_table(health: Health) -> Table:
    """What was looked for, what it is needed for, and how to get it."""
    columns = (name(""), text("What", key=True), text("Version"), text("Needed for", spare=1), text("Note"))
    rows = [
        (
            _mark(finding),
            f"{finding.name} (backend)" if finding.kind == "backend" else finding.name,
            finding.version,
            finding.needed_for,
            "" if finding.found else "; ".join(filter(None, (finding.detail, finding.install))),
        )
        for finding in health.findings
    ]
    kinds = [finding.kind for finding in health.findings]
    last = frozenset(index for index in range(len(kinds) - 1) if kinds[index] != kinds[index + 1])
    cores = figures.plural(health.cores, "core")
    title = f"mdeploy {health.mdeploy}, Python {health.python}, {health.system}, {cores}"
    return Table(title, columns, rows, sections=last)


def _mark(finding: Finding) -> Mark:
    return Mark("ok", True) if finding.found else Mark("missing", False if finding.required else None)
