"""Lazy: a group whose commands are loaded when they are named; what they need is much, and most runs name one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class Lazy(NamedTuple):
    """Where a command is, below ``streams.cli``, and its short help."""

    module: str
    help: str
    attribute: str = "command"


class LazyGroup(click.Group):
    """Commands of its own, and ``lazy`` ones by name; their short help is known before."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, Lazy], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._lazy = lazy

    def list_commands(self, context: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted({*super().list_commands(context), *self._lazy})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command, from its module."""
        if name not in self._lazy:
            return super().get_command(context, name)
        held = self._lazy[name]
        command: click.Command = getattr(import_module(f"streams.cli.{held.module}"), held.attribute)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``, without loading anything."""
        own = {name: command.get_short_help_str(limit=100) for name, command in self.commands.items()}
        told = {**own, **{name: held.help for name, held in self._lazy.items()}}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(told.items()))
