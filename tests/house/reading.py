"""How the house tests read the house: its modules, its pages, the tables in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "src" / "ml_connector"
DOCS = ROOT / "docs"
PURE = ("money.py", "findings.py", "field", "books", "mapping", "checks", "docket", "parties")

_NOT_OURS = {"__pycache__", "node_modules", "build", "dist"}
_ROW = re.compile(r"^\|\s*`([^`]+)`")


def rooms(*under: str) -> list[Path]:
    """Our modules, or those of the named rooms."""
    return [path for path in sorted(HOUSE.rglob("*.py")) if not under or path.relative_to(HOUSE).parts[0] in under]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(path: Path) -> list[str]:
    """The modules that it imports, and the full names of what it imports from them."""
    names: list[str] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names += [it.name for it in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{it.name}" for it in node.names]
    return names


def every_file() -> Iterator[Path]:
    """Every file that we keep: nothing hidden (but .ci), nothing that a tool has made."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") for part in parts) and parts[0] != ".ci"
        if path.is_file() and not hidden and not _NOT_OURS.intersection(parts):
            yield path


def pages() -> list[Path]:
    """The pages that people read."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def section(page: Path, heading: str) -> str:
    """What stands under a heading, to the next one of its rank or a higher one."""
    rank = len(heading) - len(heading.lstrip("#"))
    kept: list[str] = []
    inside = False
    for line in page.read_text("utf-8").splitlines():
        found = re.match(r"(#+) ", line)
        if found and len(found[1]) <= rank:
            inside = line.strip() == heading
        if inside:
            kept.append(line)
    assert kept, f"{page.name} has no section '{heading}'"
    return "\n".join(kept)


def first_cells(text: str) -> list[str]:
    """The code in the first cell of each table row: | `account.unmapped` | …"""
    return [found[1] for line in text.splitlines() if (found := _ROW.match(line))]


def cells(text: str) -> list[list[str]]:
    """The cells of each table row whose first cell is code; the code marks are left out."""
    rows = [line for line in text.splitlines() if _ROW.match(line)]
    return [[cell.strip().replace("`", "") for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
