"""The commands as Typer knows them, to hold the pages against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import typer

from ml_connector.cli.main import app

GROUP = typer.main.get_command(app)
Command = type(GROUP).__mro__[1]  # the kind of command that this Typer is built on


def _walk(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    inner: Mapping[str, object] | None = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(path), command
        return
    for name, one in inner.items():
        yield from _walk(one, (*path, name))


COMMANDS: Mapping[str, object] = dict(_walk(GROUP, ()))
"""Every command by its words: "connection add"."""


def options_of(command: object) -> set[str]:
    """Its options by their long names: "--dry-run"; of a pair both."""
    return {
        name
        for it in getattr(command, "params", ())
        if it.param_type_name == "option"
        for name in (*it.opts, *it.secondary_opts)
        if name.startswith("--")
    }


def command_of(words: list[str]) -> tuple[str, list[str]]:
    """The command that a line names, and what follows it. Raises KeyError where there is none."""
    for length in (2, 1):
        path = " ".join(words[:length])
        if len(words) >= length and path in COMMANDS:
            return path, words[length:]
    raise KeyError(" ".join(words[:2]))


def parse(words: list[str]) -> None:
    """Parse a line as Typer would, and run nothing. Raises what Typer raises where it is wrong."""
    path, rest = command_of(words)
    command = COMMANDS[path]
    make_context = getattr(command, "make_context")  # noqa: B009 - Typer's own class of command has no public name
    make_context(path, list(rest))
