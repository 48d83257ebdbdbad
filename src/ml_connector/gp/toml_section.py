"""A table of a TOML file that a person wrote, read key by key; every mistake is put down with its path."""

from __future__ import annotations

import difflib
import string
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeAlias, TypeVar

from ml_connector.findings import Finding

CODE = "gp.service_map"

Toml: TypeAlias = object  # whatever tomllib gives
Table: TypeAlias = Mapping[str, Toml]
Word: TypeAlias = str | int
Parameters: TypeAlias = Mapping[str, str]  # query parameter: template
E = TypeVar("E", bound=Enum)


class Section:
    """A table of the map, read key by key. What is wrong is put down with its TOML path, and reading goes on."""

    def __init__(self, path: str, table: Table, findings: list[Finding], absent: bool = False) -> None:
        self.path, self.table, self.findings, self.absent = path, table, findings, absent
        self._asked: set[str] = set()

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        self._asked.add(key)
        return key in self.table

    def wrong(self, key: str, says: str, remedy: str) -> None:
        self.findings.append(Finding(CODE, self.at(key), says, remedy))

    def done(self) -> None:
        """Nothing may be left over: a key that nobody asked for is a mistake of spelling."""
        for key in self.table:
            if key not in self._asked:
                close = difflib.get_close_matches(key, self._asked, 1)
                meant = (
                    f"Write '{close[0]}'." if close else f"Take it away; known here: {', '.join(sorted(self._asked))}."
                )
                self.wrong(key, "there is no such key", meant)

    def section(self, key: str) -> Section:
        given = self.maybe(key)
        if given is not None:
            return given
        if not self.absent:
            self.wrong(key, "the table is missing", f"Add [{self.at(key)}].")
        return Section(self.at(key), {}, self.findings, absent=True)

    def maybe(self, key: str) -> Section | None:
        value = self._given(key)
        if value is None or isinstance(value, Mapping):
            return None if value is None else Section(self.at(key), value, self.findings)
        self._not_a(key, "a table")
        return None

    def rows(self, key: str) -> Iterable[Table]:
        value = self._given(key)
        tables = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
        if value is not None and not (isinstance(value, list) and len(tables) == len(value)):
            self._not_a(key, "a list of tables")
        return tables

    def text(self, key: str, default: str | None = None) -> str:
        value = self._given(key)
        if value is None and default is None and not self.absent:
            self.wrong(key, "it is missing", "Write the installation's name for it.")
        elif value == "" and default is None:
            self.wrong(key, "it is empty", "Write the installation's name for it.")
        elif value is not None and not isinstance(value, str):
            self._not_a(key, "a text")
        return value if isinstance(value, str) else default or ""

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._given(key)
        texts = [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
        if value is not None and not (isinstance(value, list) and len(texts) == len(value)):
            self._not_a(key, "a list of texts")
        return tuple(texts)

    def words(self, key: str) -> tuple[Word, ...]:
        """One word or number, or several of which the first is written."""
        value = self._given(key)
        given = value if isinstance(value, list) else [value]
        words = [word for word in given if isinstance(word, str | int) and not isinstance(word, bool)]
        if value is None:
            if not self.absent:
                self.wrong(key, "it is missing", 'Write the installation\'s word: "Invoice", 1, or [1, 3, 4].')
        elif not words or len(words) != len(given):
            self.wrong(key, f"{value!r} is neither a word nor a number", 'Write it as "Invoice", 1, or [1, 3, 4].')
        return tuple(words)

    def whole(self, key: str, default: int) -> int:
        value = self._given(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if value is not None:
            self._not_a(key, "a whole number")
        return default

    def flag(self, key: str, default: bool) -> bool:
        value = self._given(key)
        if value is not None and not isinstance(value, bool):
            self._not_a(key, "true or false")
        return value if isinstance(value, bool) else default

    def one_of(self, key: str, options: type[E], default: E) -> E:
        text = self.text(key, default.value)
        known = [option.value for option in options]
        if text not in known:
            self.wrong(key, f"'{text}' is not known", f"Write one of {', '.join(known)}.")
            return default
        return options(text)

    def template(
        self, key: str, placeholders: frozenset[str], default: str | None, optional: frozenset[str] = frozenset()
    ) -> str:
        """A text with each of these placeholders in it, and perhaps the optional ones."""
        text = self.text(key, default)
        if text:
            self._judge(key, {key: text}, placeholders, optional)
        return text

    def parameters(self, key: str, placeholders: frozenset[str]) -> Parameters:
        """Query parameters, each with a template; together they must use every placeholder, and no other."""
        section = self.maybe(key)
        if section is None:
            return {}
        parameters = {name: section.text(name) for name in section.table}
        if parameters:
            self._judge(key, parameters, placeholders)
        else:
            self.wrong(key, "it is empty", "Name a query parameter and what it is given.")
        return parameters

    def _judge(
        self, key: str, templates: Parameters, placeholders: frozenset[str], optional: frozenset[str] = frozenset()
    ) -> None:
        used: set[str] = set()
        for template in templates.values():
            try:
                used |= {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
            except ValueError as error:
                self.wrong(key, f"'{template}' cannot be read: {error}", "Write a brace that is meant as such twice.")
                return
        told = ", ".join("{" + name + "}" for name in sorted(placeholders | optional)) or "none"
        for name in sorted(used - placeholders - optional):
            self.wrong(key, f"the placeholder {{{name}}} is not known", f"Use these: {told}.")
        for name in sorted(placeholders - used):
            self.wrong(key, f"the placeholder {{{name}}} is not used", f"Use these: {told}.")

    def _given(self, key: str) -> Toml:
        return self.table[key] if self.has(key) else None

    def _not_a(self, key: str, told: str) -> None:
        self.wrong(key, f"{self.table[key]!r} is not {told}", f"Write {told}.")
