"""Every finding has a stable code, and every code is written as one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import ml_connector

SOURCES = Path(ml_connector.__file__).parent
CODE = re.compile(r"[a-z_0-9]+\.[a-z_0-9]+")


def codes_in(tree: ast.AST) -> Iterator[str]:
    """The first argument of each `Finding(...)`; where it is put together, its pieces joined by "*"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
            given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
            yield from (_text(argument) for argument in given)


def _text(argument: ast.expr) -> str:
    if isinstance(argument, ast.Constant):
        return str(argument.value)
    if isinstance(argument, ast.JoinedStr):
        return "".join(_text(it) if isinstance(it, ast.Constant) else "*" for it in argument.values)
    return "*"


def finding_codes() -> dict[str, list[str]]:
    """Each code with the files that use it; a code with a "*" stands for several, "*" alone for one passed in."""
    used: dict[str, list[str]] = {}
    for path in sorted(SOURCES.rglob("*.py")):
        for code in codes_in(ast.parse(path.read_text(encoding="utf-8"))):
            used.setdefault(code, []).append(str(path.relative_to(SOURCES)))
    return used


def test_every_code_is_a_thing_and_what_is_wrong_with_it() -> None:
    """Like account.unmapped: searchable, and the same for ever."""
    used = finding_codes()
    assert len(used) > 40
    wrong = {code: files for code, files in used.items() if not CODE.fullmatch(code.replace("*", "x"))}
    assert {code for code in wrong if code != "*"} == set()


def test_the_pure_floors_put_no_code_together_from_unknown_parts() -> None:
    """Only the noun of the party, and what a bill bears, stand in for a word."""
    pure = ("mapping/", "checks/", "books/", "docket/", "money.py")
    made = {code for code, files in finding_codes().items() if "*" in code and any(f.startswith(pure) for f in files)}
    assert made == {"*.unmapped", "*.missing", "*.inactive", "*.on_hold", "*.over_limit", "bill.*_unallocated"}
