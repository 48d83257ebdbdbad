"""The rulebook as one XLSX workbook, one sheet per table.

Every cell is written as text, so leading zeros survive and nothing is a formula. Read with calamine, which gives a
blank for an error (#N/A) and for a formula that was never computed, and takes memory for every cell up to the last
one used, so the sheet's XML is looked through first: a blank matches anything in the Accounts table, and must be meant.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

import xlsxwriter  # type: ignore[import-untyped]
from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from ml_connector.findings import Finding
from ml_connector.mapping.tables import BY_NAME, LAYOUTS, Table, Tables
from ml_connector.workbook.sheets import Cell, NotText, Sheet, letters, nearest, text_of

MOST_ROWS = 1_048_575  # Excel's 1,048,576 less the header
MOST_CELLS = 20_000_000  # the area of a sheet that we are willing to hold in memory
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_DAMAGE = (  # what calamine, the archive (RuntimeError: encrypted or of a newer kind) and the XML raise
    CalamineError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    ElementTree.ParseError,
    EOFError,
    KeyError,
    ValueError,
)
_REFERENCE = re.compile(r"([A-Z]+)([0-9]+)\Z")


def sheets(path: Path) -> tuple[list[Sheet], list[Finding]]:
    """The workbook's tables, and what is wrong with its sheets."""
    found: list[Sheet] = []
    wrong: list[Finding] = []
    try:
        with CalamineWorkbook.from_path(path) as workbook, zipfile.ZipFile(path) as archive:
            members = _members(archive)
            for name in workbook.sheet_names:
                if name not in BY_NAME or name not in members:
                    wrong.append(_unknown(name))
                    continue
                survey = _survey(archive, members[name])
                if survey.rows * survey.columns > MOST_CELLS:
                    wrong.append(_too_wide(name, survey))
                    continue
                rows = _rows(workbook, name)
                found.append(Sheet(BY_NAME[name], f"sheet {name}", rows))
                wrong.extend(_no_value(name, rows, blank) for blank in survey.valueless)
    except PasswordError:
        return [], [_unreadable(path, "it is protected by a password", "Save it without a password")]
    except OSError as error:
        says = error.strerror or str(error)
        return [], [_unreadable(path, says, "Close it in other programs and check its permissions")]
    except _DAMAGE as error:
        return [], [_unreadable(path, str(error), "In Excel, save it as an Excel workbook (.xlsx)")]
    return found, wrong


def write(tables: Tables, path: Path) -> None:
    """All tables into a new workbook; a table that is not given gets its header only.

    Raises ValueError for a table that has more rows than a sheet, or a cell longer than Excel keeps.
    """
    with xlsxwriter.Workbook(path) as workbook:
        text = workbook.add_format({"num_format": "@", "valign": "top"})
        head = workbook.add_format({"num_format": "@", "bold": True, "bottom": 1})
        for layout in LAYOUTS:
            table = tables.get(layout.name) or Table(layout.name, tuple(column.name for column in layout.columns))
            if len(table.rows) > MOST_ROWS:
                raise ValueError(f"{table.name} has {len(table.rows)} rows; an XLSX sheet holds {MOST_ROWS}")
            sheet = workbook.add_worksheet(layout.name)
            sheet.freeze_panes(1, 0)
            for index, name in enumerate(table.columns):
                cells = [row[name] for row in table.rows]
                sheet.set_column(index, index, min(60, max(map(len, (name, *cells))) + 2), text)
                _put(sheet.write_string(0, index, name, head), name)
                if column := layout.column(name):
                    sheet.write_comment(0, index, column.meaning, {"author": "ml-connector", "x_scale": 2})
                for row, cell in enumerate(cells, start=1):
                    if cell:
                        _put(sheet.write_string(row, index, cell, text), cell)


def _put(refused: int, text: str) -> None:
    if refused:
        raise ValueError(f"an XLSX cell does not hold this text of {len(text)} characters: {text[:40]}")


@dataclass(frozen=True, slots=True)
class _Blank:
    """A cell that calamine gives as blank although it shows something."""

    row: int  # counted from 1
    column: int  # counted from 0
    shows: str


@dataclass(frozen=True, slots=True)
class _Survey:
    rows: int
    columns: int
    valueless: tuple[_Blank, ...]


def _members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Worksheet name → its part in the archive (ECMA-376 part 1, §12.3.24 and §18.2.20)."""
    targets = {
        relation.get("Id"): relation.get("Target", "")
        for relation in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
        if relation.get("Type", "").endswith("/worksheet")
    }
    members = {}
    for element in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():  # noqa: S314
        target = targets.get(element.get(_RELATION) or element.get(_STRICT_RELATION))
        if element.tag.endswith("}sheet") and target:
            members[element.get("name", "")] = posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
    return members


def _survey(archive: zipfile.ZipFile, member: str) -> _Survey:
    """How far the sheet reaches, and which of its cells have no value of their own."""
    rows = columns = 0
    valueless: list[_Blank] = []
    with archive.open(member) as part:
        for row, column, cell in _cells(part):
            rows, columns = max(rows, row), max(columns, column + 1)
            texts = {child.tag.rpartition("}")[2]: child.text for child in cell}
            if cell.get("t") == "e":
                valueless.append(_Blank(row, column, f"the error {texts.get('v') or '#N/A'}"))
            elif "f" in texts and texts.get("v") is None and cell.get("t") != "str":
                valueless.append(_Blank(row, column, "a formula that was never computed"))
    return _Survey(rows, columns, tuple(valueless))


def _cells(part: IO[bytes]) -> Iterator[tuple[int, int, ElementTree.Element]]:
    """Row, column and element of each cell; a position that the file leaves out follows the one before it."""
    row, column = 0, -1
    for event, element in ElementTree.iterparse(part, events=("start", "end")):  # noqa: S314
        match event, element.tag.rpartition("}")[2]:
            case "start", "row":
                row, column = int(element.get("r", row + 1)), -1
            case "end", "c":
                if reference := _REFERENCE.match(element.get("r", "")):
                    column, row = _index(reference[1]), int(reference[2])
                else:
                    column += 1
                yield row, column, element
            case "end", "row":
                element.clear()


def _index(name: str) -> int:
    index = 0
    for letter in name:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def _rows(workbook: CalamineWorkbook, name: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    rows.extend(list(row) for row in workbook.get_sheet_by_name(name).to_python(skip_empty_area=False))
    return rows


def _no_value(sheet: str, rows: list[list[Cell]], blank: _Blank) -> Finding:
    header = rows[0] if rows else []
    name = text_of(header[blank.column]) if blank.column < len(header) else ""
    column = letters(blank.column) if isinstance(name, NotText) or not name else name
    return Finding(
        "workbook.not_text",
        f"sheet {sheet}, row {blank.row}, column {column}",
        f"the cell holds {blank.shows}",
        "In the spreadsheet, write the value itself in the cell, then import again.",
    )


def _unreadable(path: Path, says: str, remedy: str) -> Finding:
    return Finding(
        "workbook.unreadable", path.name, f"the workbook cannot be read: {says}", f"{remedy}, then import again."
    )


def _too_wide(name: str, survey: _Survey) -> Finding:
    return Finding(
        "workbook.unreadable",
        f"sheet {name}",
        f"the sheet reaches to row {survey.rows}, column {letters(survey.columns - 1)}",
        "Delete the stray cells far below or to the right of the table, then import again.",
    )


def _unknown(name: str) -> Finding:
    near = nearest(name, BY_NAME)
    known = ", ".join(BY_NAME)
    return Finding(
        "workbook.sheet_unknown",
        f"sheet {name}",
        f"the rulebook has no table {name}",
        f"Rename the sheet to {near}, or delete it." if near else f"Delete the sheet; the rulebook's are {known}.",
    )
