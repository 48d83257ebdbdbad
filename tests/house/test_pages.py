"""The pages agree with the code: settings, options, links."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from ml_connector.mapping.options import OPTIONS
from ml_connector.runtime import settings as form
from ml_connector.runtime.settings import (
    Alerts,
    Gp,
    Kerberos,
    Kinds,
    Modules,
    Posting,
    Retention,
    ServiceTitan,
    Settings,
    Sql,
    Webhooks,
)
from tests.house.reading import DOCS, ROOT, cells, first_cells, name_of, pages, section

CONNECTIONS = DOCS / "connections.md"
TABLES: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("## The connection", Settings),
    ("## ServiceTitan", ServiceTitan),
    ("## GP", Gp),
    ("## Transport by kind", Kinds),
    ("## Kerberos", Kerberos),
    ("## Retention", Retention),
    ("## SQL Server", Sql),
    ("## Posting set-up", Posting),
    ("## Modules", Modules),
    ("## Webhooks", Webhooks),
    ("## Alerts", Alerts),
)


@pytest.mark.parametrize(("heading", "struct"), TABLES, ids=[it.__name__ for _, it in TABLES])
def test_every_setting_is_explained_with_its_type_and_default(heading: str, struct: type[msgspec.Struct]) -> None:
    """The table of settings has a row for each field, in its order, with the default that the code has."""
    rows = {row[0]: row for row in cells(section(CONNECTIONS, heading))}
    fields = {it.encode_name: it for it in msgspec.structs.fields(struct)}
    assert list(rows) == list(fields)
    for name, field in fields.items():
        _, kind, default, meaning = rows[name]
        assert meaning, name
        assert kind == _kind(field.type), name
        assert default == _default(field), name


def _kind(type_: object) -> str:
    if type_ == tuple[str, ...]:
        return "list of texts"
    if type(None) in get_args(type_):
        (type_,) = (it for it in get_args(type_) if it is not type(None))
    if get_args(type_) and getattr(type_, "__origin__", None) is not dict:
        return " or ".join(filter(None, get_args(type_)))
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(type_, "table")  # type: ignore[call-overload, no-any-return]


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default
    if value is msgspec.NODEFAULT:
        return "required" if field.default_factory is msgspec.NODEFAULT else "none"
    if value in ("", (), None) or isinstance(value, msgspec.Struct):
        return "none"
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_the_example_of_a_connection_can_be_added_as_it_stands() -> None:
    """Whoever copies the example has a connection that is refused for nothing, and that names every setting."""
    (example,) = re.findall(r"```toml\n(.*?)```", section(CONNECTIONS, "## A full example"), re.DOTALL)
    values = tomllib.loads(example)
    settings = form.from_values(values, "the example")
    assert set(values) == {it.encode_name for it in msgspec.structs.fields(Settings)}
    assert set(values["servicetitan"]) == {it.encode_name for it in msgspec.structs.fields(ServiceTitan)}
    assert set(values["webhooks"]) == {it.encode_name for it in msgspec.structs.fields(Webhooks)}
    assert set(values["alerts"]) == {it.encode_name for it in msgspec.structs.fields(Alerts)}
    for company in settings.gp:
        assert set(values["gp"][company]) == {it.encode_name for it in msgspec.structs.fields(Gp)}


def test_every_option_of_the_rulebook_is_explained_as_it_is() -> None:
    """Name, values, default and meaning, in the order of the code."""
    rows = cells(section(DOCS / "rulebook.md", "## Options"))
    assert rows == [[it.name, ", ".join(it.values), it.default, it.meaning] for it in OPTIONS]


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link to a file finds the file, and one to a heading finds the heading."""
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), target
        assert there.is_relative_to(ROOT), target
        if anchor and there.suffix == ".md":
            assert anchor in _anchors(there), target


@pytest.mark.parametrize("page", [it for it in pages() if it.parent.name != "decisions"], ids=name_of)
def test_every_page_can_be_reached_from_the_first(page: Path) -> None:
    """docs/index.md or the README links to it."""
    first = (ROOT / "README.md", DOCS / "index.md")
    linked = {
        (it.parent / target.partition("#")[0]).resolve()
        for it in first
        for target in re.findall(r"\]\(([^)\s]+)\)", it.read_text("utf-8"))
    }
    assert page == first[0] or page.resolve() in linked


def test_every_decision_is_listed_and_says_its_price() -> None:
    """A decision has a context, a decision and a price, and docs/index.md names it."""
    index = (DOCS / "index.md").read_text("utf-8")
    decisions = sorted((DOCS / "decisions").glob("*.md"))
    assert decisions
    for page in decisions:
        headings = re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Price"], page.name
        assert f"decisions/{page.name}" in index


def test_the_glossary_has_the_words_of_the_house() -> None:
    """The nouns that the code is named by are explained."""
    words = set(first_cells((DOCS / "glossary.md").read_text("utf-8")))
    needed = "source document distribution batch run sweep docket enter post hold skip wait replay finding rulebook crosswalk"
    assert set(needed.split()) | {"in doubt", "connection", "trail", "account", "evidence"} <= words


def _without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", it.lower()).strip().replace(" ", "-") for it in headings}
