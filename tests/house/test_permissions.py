"""Every command says what it needs to be allowed, in one way, and its page says the same."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap

import pytest

from ml_connector.docket.people import GRANTS, Permission, Role
from tests.house.commands import COMMANDS
from tests.house.reading import DOCS, HOUSE, cells, imported, section, tree

PAGE = DOCS / "commands.md"
OPEN_TO_ALL = {
    *("demo", "sandbox", "rulebook check"),  # they open no ledger but one that they make themselves
    "restore",  # into a database that must be empty: it has no users yet
    "serve",  # it acts for nobody, and does what schedules and webhooks ask for
}
WAYS_IN = {"opened", "connection", "ledger", "as_it_is"}  # of cli/context.py
THE_DOOR = {"context.py", "demo.py"}  # the demo's ledger is its own


def declared(path: str) -> list[str]:
    """The permissions that the command's own function asks for, wherever it opens the ledger."""
    function = inspect.unwrap(getattr(COMMANDS[path], "callback"))  # noqa: B009 - Typer's own class of command
    module = ast.parse(textwrap.dedent(inspect.getsource(function)))
    asked: list[str] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and _opens(node.func):
            asked += [it.attr for it in node.args if isinstance(it, ast.Attribute) and _is_permission(it)]
    return asked


def _opens(node: ast.expr) -> bool:
    """context.opened, context.connection or context.ledger"""
    return isinstance(node, ast.Attribute) and node.attr in WAYS_IN and getattr(node.value, "id", "") == "context"


def _is_permission(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "Permission" and node.attr in Permission.__members__


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_declares_the_one_permission_that_it_needs(path: str) -> None:
    """A new command cannot be forgotten: it opens the ledger with a permission, or is named above as open to all."""
    assert len(declared(path)) == (0 if path in OPEN_TO_ALL else 1), f"'{path}' declares {declared(path)}"


def test_no_command_opens_the_ledger_past_the_door() -> None:
    """Only cli/context.py makes a database or wires a connection, and it asks who is there."""
    for path in sorted((HOUSE / "cli").glob("*.py")):
        if path.name not in THE_DOOR:
            past = [
                it for it in imported(path) if it.rpartition(".")[2] in ("Database", "open_connection", "permitted")
            ]
            assert not past, f"{path.name} imports {past}"


def test_the_page_tells_of_each_command_who_may_run_it() -> None:
    """The table on the page is the table of the code."""
    told = {row[0]: row[1] for row in cells(section(PAGE, "## Who may do what"))}
    for path in COMMANDS:
        if path in OPEN_TO_ALL:
            assert told.pop(path) == "anybody"
        else:
            (permission,) = declared(path)
            able = [role.value for role in Role if Permission[permission] in GRANTS[role]]
            assert told.pop(path) == ("any role" if len(able) == len(Role) else ", ".join(able)), path
    assert not told


def test_every_permission_is_asked_for_and_granted() -> None:
    """None is dead: some command needs it and some role has it; every role may look."""
    assert {it for path in COMMANDS for it in declared(path)} == set(Permission.__members__)
    assert set().union(*GRANTS.values()) == set(Permission)
    assert all(Permission.READ in granted for granted in GRANTS.values())
    assert set(GRANTS) == set(Role)


def test_no_word_of_a_command_is_a_password() -> None:
    """What stands on a command line stands in the list of processes."""
    for path, command in COMMANDS.items():
        names = [name for it in getattr(command, "params", ()) for name in it.opts]
        assert not [name for name in names if re.search(r"password|secret", name)], path


def test_the_account_at_the_terminal_is_the_operating_systems_word() -> None:
    """Variables such as USER and LOGNAME are anybody's to set: nothing in the house asks getpass who is there."""
    for path in HOUSE.rglob("*.py"):
        for node in ast.walk(tree(path)):
            assert not (isinstance(node, ast.Attribute) and node.attr == "getuser"), path
