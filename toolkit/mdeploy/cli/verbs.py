# SPDX-FileCopyrightText: The mdeploy authors
# SPDX-License-Identifier: Apache-2.0
"""A command made of verbs: listed from a table, each imported when it is used."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping

import click

__all__ = ["VerbGroup", "debug_option"]


class VerbGroup(click.Group):
    """Verbs by name with their one-line help; the module of a verb has a click command called ``command``.

    The list needs no import, so a verb whose module cannot be imported stands in it like the others, and says what is
    missing when it is used.

    Args:
        verbs: name and help, in the order of the work.
        package: where the modules are.
    """

    def __init__(self, name: str, verbs: Mapping[str, str], package: str, **settings: object) -> None:
        super().__init__(name, **settings)  # type: ignore[arg-type]  # as click takes them
        self._verbs = verbs
        self._package = package

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs in the order of the table."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a verb. What it needs and is not installed is told where every error is: ``mdeploy.cli.failing``."""
        if cmd_name not in self._verbs:
            return None
        command = importlib.import_module(f"{self._package}.{cmd_name}").command
        assert isinstance(command, click.Command)
        if not any(parameter.name == "debug" for parameter in command.params):
            command.params.append(debug_option())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, and with the verbs that were perhaps meant."""
        name = args[0]
        if name not in self._verbs and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, self._verbs, n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"No such command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table; click's own version imports every command for its help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._verbs.items()))


def _note_debug(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_root().obj["debug"] = True


def debug_option() -> click.Option:
    """Return a new ``--debug``, which works before and after the verb."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_note_debug,
        help="Show the traceback of an error.",
    )
