"""The command line and its pages say the same."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from ml_connector.cli.output import Exit
from tests.house.commands import COMMANDS, command_of, options_of, parse
from tests.house.reading import DOCS, name_of, pages, section

PAGE = DOCS / "commands.md"
LINE = re.compile(r"(?:\$ )?(?:uv run |\.venv/bin/)?ml-connector (.+)")
HELP = {"-h", "--help", "--version", "--install-completion", "--show-completion"}


def lines(page: Path) -> list[str]:
    """What follows `ml-connector` in each line of a code block and in each piece of inline code."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    whole = [line.strip() for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", rest)
    return [found[1] for line in whole if (found := LINE.match(line))]


def typed(line: str) -> list[str]:
    """The words that the program sees: no comment, and nothing that the shell keeps for itself."""
    words = shlex.split(line, comments=True)
    ends = [words.index(it) for it in (">", "|", "&&") if it in words]
    return words[: min(ends, default=len(words))]


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_command_that_a_page_shows_can_be_typed(page: Path) -> None:
    """The words are parsed as the program itself parses them."""
    for line in lines(page):
        words = typed(line)
        if not HELP.isdisjoint(words):
            continue
        _, arguments = command_of(words)
        if arguments:  # else it is spoken of, not typed
            parse(words)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_is_on_its_page_with_all_its_options(path: str) -> None:
    """A section of its own, each option named in it, and an example."""
    text = section(PAGE, f"### {path}")
    told = set(re.findall(r"`(--[a-z-]+)", text))
    assert told | {"--json"} == options_of(COMMANDS[path])
    assert any(f"ml-connector {path}" in line for line in text.splitlines()), "no example"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_speaks_json_and_shows_an_example(path: str) -> None:
    """A program can use each command, and a person sees how in its help; the example can be typed."""
    command = COMMANDS[path]
    assert "--json" in options_of(command)
    epilog = getattr(command, "epilog", None) or ""
    found = re.match(r"Example: ml-connector (.+)", epilog)
    assert found, f"the help of '{path}' has no example"
    words = typed(found[1])
    assert words[: len(path.split())] == path.split()
    parse(words)


def test_no_page_speaks_of_a_command_that_is_not_there() -> None:
    """The sections of docs/commands.md are the commands."""
    headings = re.findall(r"^### (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(COMMANDS)


def test_every_exit_code_is_explained() -> None:
    """Scripts rely on them."""
    told = {int(it) for it in re.findall(r"^\| `(\d+)` \|", section(PAGE, "## Exit codes"), re.MULTILINE)}
    assert told == {it.value for it in Exit} | {130}
