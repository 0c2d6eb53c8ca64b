# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""What collect prints: how to send, then a line per report; or one JSON object per line."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mdeploy.reports.collect.inbox import Received
    from mdeploy.reports.history import History

__all__ = ["Announcer"]


class Announcer:
    """Prints, and counts what came."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self.received = 0
        self.refused = 0

    def listening(
        self, host: str, port: int, token: str | None, loopback: bool, history: History | None, folder: Path | None
    ) -> None:
        """Say where the server listens and how to send to it."""
        from mdeploy.reports.collect.app import PATH

        address = f"[{host}]" if ":" in host else host
        everywhere = host in ("0.0.0.0", "::")
        url = f"http://{'ADDRESS_OF_THIS_MACHINE' if everywhere else address}:{port}{PATH}"
        on_cable = f"http://127.0.0.1:{port}{PATH}"
        curl = ["curl", "-H", "Content-Type: application/json"]
        curl += ["-H", f"Authorization: Bearer {token}"] if token else []
        curl += ["--data-binary", "@report.json", on_cable if everywhere else url]
        example = shlex.join(curl)
        reverse, start = None, None
        if loopback or everywhere:  # what adb reverse brings here comes to loopback
            reverse = f"adb reverse tcp:{port} tcp:{port}"
            app = ["adb", "shell", "am", "start", "-n", "org.mdeploy.harness/.MainActivity"]
            app += ["--es", "mdeploy.id", "run1", "--es", "mdeploy.collect", on_cable]
            app += ["--es", "mdeploy.token", token] if token else []
            start = shlex.join(app)
        if self._as_json:
            kept = None if history is None else str(history.path)
            lines = {"adb_reverse": reverse, "curl": example, "app": start}
            place = {"host": host, "port": port, "url": url, "token": token}
            self._line(
                "listening", {**place, "history": kept, "output": None if folder is None else str(folder), **lines}
            )
            return
        click.echo(f"listening on {url}" + ("" if loopback else ", with a token"))
        if token:
            click.echo(f"  token           {token}")
        if reverse:
            click.echo(f"  phone on cable  {reverse}")
            click.echo(f"  then the app    {start}")
        if not loopback:
            click.echo("  phone on Wi-Fi  Send, in the app, with this address and token")
        click.echo(f"  any report      {example}")
        kept = " and ".join(str(place) for place in (history and history.path, folder) if place)
        click.echo(f"  kept in         {kept}")
        click.echo("Ctrl-C ends")
        sys.stdout.flush()

    def report(self, received: Received) -> None:
        """A line for a report that was kept."""
        self.received += 1
        if self._as_json:
            self._line("report", received.to_json())
            return
        where = f"run {received.run}" if received.run is not None else str(received.path)
        facts = (received.model, received.headline, received.status, f"{received.device} ({received.runner})")
        click.echo(f"{_now()}  {where}  {'  '.join(facts)}  {received.bytes:,} bytes from {received.client}")
        sys.stdout.flush()

    def refusal(self, status: int, reason: str, client: str) -> None:
        """A line for a request that was refused; none for those that came too often, of which there may be many."""
        self.refused += 1
        if status == 429:
            return
        if self._as_json:
            self._line("refused", {"status": status or None, "reason": reason, "client": client})
            return
        from mdeploy.text import harmless

        click.echo(f"{_now()}  refused{f' ({status})' if status else ''}: {harmless(reason)}, from {client}", err=True)

    def end(self) -> None:
        """The last line."""
        if self._as_json:
            self._line("end", {"received": self.received, "refused": self.refused})
        else:
            click.echo(f"{self.received} received, {self.refused} refused")

    def _line(self, event: str, facts: dict[str, Any]) -> None:
        click.echo(json.dumps({"event": event, **facts}, allow_nan=False))
        sys.stdout.flush()


def _now() -> str:
    return datetime.now().strftime("%H:%M:%S")
