"""Reads a rulebook from a folder of CSV files or from one XLSX workbook: the whole of it, or all that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ml_connector.findings import Finding
from ml_connector.mapping.tables import LAYOUTS, Layout, Row, Table, Tables
from ml_connector.workbook import csv_folder, xlsx
from ml_connector.workbook.sheets import Cell, NotText, Sheet, letters, nearest, text_of

NEEDED = "Companies"  # the one table without which there is no rulebook


def read(path: Path) -> Tables | tuple[Finding, ...]:
    """The tables in the order of LAYOUTS, every one of them; or the findings, and then nothing is read.

    A folder is read as CSV files, anything else as a workbook. A table that is not there has its whole header and no
    rows. What the cells mean is not judged here, only that each is text, in a known column, and there where required.
    """
    if path.is_dir():
        sheets, wrong = csv_folder.sheets(path)
        places = {layout.name: name for name, layout in csv_folder.FILES.items()}
    elif path.suffix.lower() == ".xlsx":
        sheets, wrong = xlsx.sheets(path)
        places = {layout.name: f"sheet {layout.name}" for layout in LAYOUTS}
    else:
        return (_neither(path),)
    tables = {layout.name: Table(layout.name, tuple(column.name for column in layout.columns)) for layout in LAYOUTS}
    unreadable = any(finding.code == "workbook.unreadable" for finding in wrong)
    if not unreadable and NEEDED not in {sheet.layout.name for sheet in sheets}:
        wrong.append(_missing(places[NEEDED]))
    for sheet in sheets:
        table, findings = _table(sheet)
        tables[sheet.layout.name] = table
        wrong.extend(findings)
    return tuple(wrong) or tables


def _table(sheet: Sheet) -> tuple[Table, list[Finding]]:
    layout = sheet.layout
    if not any(_filled(row) for row in sheet.rows) and layout.name != NEEDED:
        return Table(layout.name, tuple(column.name for column in layout.columns)), []
    names, wrong = _header(sheet)
    rows = []
    for number, cells in enumerate(sheet.rows[1:], start=2):
        if not _filled(cells):
            continue
        texts: dict[str, str] = {}
        refused: set[str] = set()
        for index, name in names.items():
            text = text_of(cells[index], name) if index < len(cells) else ""
            if isinstance(text, NotText):
                refused.add(name)
                wrong.append(_at(sheet, number, name, "workbook.not_text", text.says, text.remedy))
            elif text:
                texts[name] = text
        rows.append(Row(number, texts))
        for column in layout.columns:
            if column.required and column.name in names.values() and column.name not in {*texts, *refused}:
                says = f"the cell is blank, and {column.name} is required"
                remedy = f"Fill the cell ({column.meaning}), or delete the row."
                wrong.append(_at(sheet, number, column.name, "workbook.cell_missing", says, remedy))
    return Table(layout.name, tuple(names.values()), tuple(rows)), wrong


def _header(sheet: Sheet) -> tuple[dict[int, str], list[Finding]]:
    """Column index → name, for the columns that are ours, and what is wrong with row 1."""
    names: dict[int, str] = {}
    wrong: list[Finding] = []
    first = sheet.rows[0] if sheet.rows else ()
    for index in range(max(map(len, sheet.rows), default=0)):
        text = text_of(first[index]) if index < len(first) else ""
        if isinstance(text, NotText):
            wrong.append(_at(sheet, 1, letters(index), "workbook.not_text", text.says, text.remedy))
        elif not text:
            if used := next((n for n, row in enumerate(sheet.rows, 1) if _filled(row[index : index + 1])), None):
                says = f"row {used} has a cell here, and row 1 gives the column no name"
                remedy = "Write the column's name in row 1, or clear the column."
                wrong.append(_at(sheet, 1, letters(index), "workbook.column_unknown", says, remedy))
        elif sheet.layout.column(text) is None:
            says = f'the table {sheet.layout.name} has no column "{text}"'
            wrong.append(_at(sheet, 1, text, "workbook.column_unknown", says, _suggest(sheet.layout, text)))
        elif text in names.values():
            says = f"the column stands in the table twice, the second time in {letters(index)}"
            remedy = "Keep one of the two and delete the other."
            wrong.append(_at(sheet, 1, text, "workbook.column_twice", says, remedy))
        else:
            names[index] = text
    for column in sheet.layout.columns:
        if column.required and column.name not in names.values():
            says = f"the table has no column {column.name}: {column.meaning}"
            remedy = f'Add a column with "{column.name}" in row 1.'
            wrong.append(_at(sheet, 1, column.name, "workbook.column_missing", says, remedy))
    return names, wrong


def _suggest(layout: Layout, name: str) -> str:
    known = [column.name for column in layout.columns]
    if layout.segments and name.casefold().startswith("segment"):
        return 'Write "segment" and the segment\'s name as the company\'s account_format has it: "segment Department".'
    if near := nearest(name, known):
        return f'Write "{near}" in row 1, or delete the column.'
    further = ', or "segment" with a segment\'s name' if layout.segments else ""
    return f"Delete the column, or name it one of {', '.join(known)}{further}."


def _filled(cells: Sequence[Cell]) -> bool:
    return any(not isinstance(cell, str) or cell.strip() for cell in cells)


def _at(sheet: Sheet, row: int, column: str, code: str, says: str, remedy: str) -> Finding:
    return Finding(code, f"{sheet.place}, row {row}, column {column}", says, remedy)


def _missing(place: str) -> Finding:
    return Finding(
        "workbook.sheet_missing",
        place,
        f"the table {NEEDED} is missing, and a rulebook cannot do without it",
        f"Add {place} with one row per GP company; docs/rulebook.md lists its columns.",
    )


def _neither(path: Path) -> Finding:
    there = "is neither a folder nor an .xlsx file" if path.exists() else "is not there"
    return Finding(
        "workbook.unreadable",
        path.name,
        f"{path} {there}",
        "Name a folder of CSV files, or a workbook saved from Excel as an Excel workbook (.xlsx).",
    )
