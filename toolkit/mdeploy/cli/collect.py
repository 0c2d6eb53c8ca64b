# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""``mdeploy collect``."""

from __future__ import annotations

from pathlib import Path

import click

from mdeploy.cli import options

__all__ = ["command"]


@click.command("collect", short_help="Receive reports from phones and keep them.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is every network.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 takes one that is free."
)
@click.option(
    "--token",
    envvar="MDEPLOY_COLLECT_TOKEN",
    help="What a sender has to know. Default: none on loopback, elsewhere one is made and printed. The environment "
    "variable MDEPLOY_COLLECT_TOKEN keeps it out of the list of processes.",
)
@options.output_option("Write every report as a file into this directory too.", None)
@click.option(
    "--max-mb",
    type=click.IntRange(1, 256),
    default=32,
    show_default=True,
    help="Longest report that is accepted, in MB.",
)
@click.option(
    "--rate", type=click.IntRange(min=1), default=120, show_default=True, help="Requests per minute from one address."
)
@click.option("--count", type=click.IntRange(min=1), help="Stop after this many reports. Default: at Ctrl-C.")
@options.db_option
@click.option("--no-history", is_flag=True, help="Only write files; needs --output.")
@options.json_option
def command(
    host: str,
    port: int,
    token: str | None,
    output: Path | None,
    max_mb: int,
    rate: int,
    count: int | None,
    db: Path | None,
    no_history: bool,
    as_json: bool,
) -> None:
    """Receive reports from phones, over `adb reverse` or a network, until Ctrl-C.

    A report is checked against the schema and goes into the history, where `mdeploy history`, `diff` and `report` find
    it. On loopback no token is needed; anywhere else one is, and it travels in the clear: use a network that you trust.
    With --json one JSON object is printed per line.

    \b
    mdeploy collect
    mdeploy collect --host 0.0.0.0 --output reports
    mdeploy collect --port 0 --count 1 --json
    """
    from mdeploy.cli.show.collect import Announcer
    from mdeploy.errors import UsageError
    from mdeploy.reports.history import History

    if no_history and output is None:
        raise UsageError("--no-history leaves nowhere to keep reports: add --output DIR")
    if token is not None and not (token.isascii() and token.isprintable() and token and " " not in token):
        raise UsageError("--token takes printable ASCII without spaces")
    from mdeploy.reports.collect.app import CollectApp, Limits, is_loopback
    from mdeploy.reports.collect.inbox import Inbox, Received
    from mdeploy.reports.collect.server import CollectServer, open_socket

    history = None if no_history else History(db)
    inbox = Inbox(history, output)
    with open_socket(host, port) as listener:
        bound, bound_port = listener.getsockname()[:2]
        loopback = is_loopback(bound)
        if token is None and not loopback:
            import secrets

            token = secrets.token_urlsafe(24)
        announcer = Announcer(as_json)

        def on_report(received: Received) -> None:
            announcer.report(received)
            if announcer.received == count:
                server.stop()

        limits = Limits(max_bytes=max_mb * 10**6, per_minute=rate)
        server = CollectServer(listener, CollectApp(inbox, token, limits, on_report, announcer.refusal))
        announcer.listening(bound, bound_port, token, loopback, history, output)
        server.run_until_stopped()
        announcer.end()
