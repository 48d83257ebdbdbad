"""Every code that the product can say is explained in docs/findings.md, and nothing there is made up.

A code is a text like "account.unmapped". Every such text in the source is a finding, a reason for skipping or an event
of the trail, and stands in its table; or it is named below as something else. So a new one cannot be forgotten,
wherever it is written.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house.reading import DOCS, HOUSE, cells, first_cells, name_of, rooms, section, tree

PAGE = DOCS / "findings.md"
CODE = re.compile(r"[a-z][a-z_0-9]*\.[a-z_0-9]+\Z")
EVENTS = DOCS / "trail.md"
SKIPPING = "## Reasons for skipping"  # the last section of the page

NOT_CODES = re.compile(
    r".*\.(json|toml|sqlite|xlsx|csv|ini|db|key|wsdl|xsd)"  # files
    r"|ml_connector\..*"  # packages
    r"|servicetitan\.(client_id|client_secret)"  # settings
    r"|items\.(total|quantity|cost)"  # members of ServiceTitan's answers
    r"|(dockets|runs|connections)\.id"  # columns
)
NOUNS = {  # what the blanks of f"{noun}.missing" can be
    "noun": ("customer", "vendor"),
    "what": ("tax", "freight"),
}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Our modules but the sandbox's, which has words of its own."""
    for path in rooms():
        if path.relative_to(HOUSE).parts[0] != "sandbox":
            yield name_of(path), tree(path)


def codes() -> dict[str, str]:
    """Every text of the source that looks like a code, and where it stands."""
    found: dict[str, str] = {}
    for name, module in sources():
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.match(node.value):
                found.setdefault(node.value, f"{name}:{node.lineno}")
            if isinstance(node, ast.JoinedStr):
                found |= {code: f"{name}:{node.lineno}" for code in spelled_out(node) if CODE.match(code)}
    return {code: place for code, place in found.items() if not NOT_CODES.fullmatch(code)}


def spelled_out(text: ast.JoinedStr) -> list[str]:
    """The texts that an f-string can be, where its blanks are nouns that we know."""
    texts = [""]
    for part in text.values:
        if isinstance(part, ast.Constant):
            texts = [it + str(part.value) for it in texts]
        elif isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) and part.value.id in NOUNS:
            texts = [it + noun for it in texts for noun in NOUNS[part.value.id]]
        else:
            return []
    return texts


def first_arguments(*callables: str) -> Iterator[tuple[ast.expr, str]]:
    for name, module in sources():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in callables:
                keyword = [it.value for it in node.keywords if it.arg in ("code", "name")]
                for given in (node.args[:1] or keyword)[:1]:
                    yield given, f"{name}:{node.lineno}"


def literals(given: ast.expr) -> list[str]:
    if isinstance(given, ast.IfExp):
        return literals(given.body) + literals(given.orelse)
    if isinstance(given, ast.JoinedStr):
        return spelled_out(given) or ["?"]
    return [given.value] if isinstance(given, ast.Constant) and isinstance(given.value, str) else []


def documented() -> tuple[set[str], set[str], set[str]]:
    """Findings, reasons for skipping, events."""
    findings, reasons = PAGE.read_text("utf-8").split(SKIPPING)
    return set(first_cells(findings)), set(first_cells(reasons)), set(first_cells(EVENTS.read_text("utf-8")))


def test_every_code_in_the_source_is_explained() -> None:
    """Somebody searches the pages for a code that they saw, and finds it."""
    known = set().union(*documented())
    assert {code: place for code, place in codes().items() if code not in known} == {}


def test_every_explained_code_is_in_the_source() -> None:
    """The pages explain nothing that the product never says."""
    known = codes()
    for table in documented():
        assert sorted(code for code in table if code not in known) == []


def test_each_code_stands_in_the_table_of_what_it_is() -> None:
    """A finding is not explained as an event, nor a reason for skipping as a finding."""
    findings, skips, events = documented()
    for callables, table in ((("Finding",), findings), (("Skipped",), skips), (("Event", "_event"), events)):
        for given, place in first_arguments(*callables):
            for code in literals(given):
                assert code in table or not CODE.match(code), f"{place}: {code} of {callables[0]}"


def test_a_finding_is_explained_once_and_whole() -> None:
    """Each row says what the code means, and who mends it where."""
    for text in (*PAGE.read_text("utf-8").split(SKIPPING), EVENTS.read_text("utf-8")):
        rows = cells(text)
        assert len({row[0] for row in rows}) == len(rows), "a code stands twice"
        assert all(len(row) >= 2 and all(row) for row in rows)


def test_every_finding_of_the_workbook_is_in_the_pages_about_it() -> None:
    """Who edits the rulebook finds its codes beside its tables."""
    there = set(first_cells(section(DOCS / "rulebook.md", "## When a file is refused")))
    assert {code for code in codes() if code.startswith("workbook.")} - {"workbook.unwritable"} == there


def test_every_command_that_a_remedy_names_is_a_command() -> None:
    """A remedy never sends somebody to a command that is not there."""
    from tests.house.commands import COMMANDS

    first = {path.split()[0] for path in COMMANDS}
    for name, module in sources():
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for named in re.findall(r"'ml-connector ([a-z]+)", node.value):
                    assert named in first, f"{name}:{node.lineno} names 'ml-connector {named}'"
