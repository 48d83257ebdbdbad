"""The rulebook as a folder of CSV files, one per table: accounts.csv, business_units.csv.

Read: UTF-8 with or without a byte order mark, comma or semicolon, quoting as RFC 4180 has it. Written: with the
mark, commas and CRLF, which Excel opens without an import dialogue. A cell that begins with "=" is written as it is:
a guard such as a leading apostrophe would change the rule.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from ml_connector.findings import Finding
from ml_connector.mapping.tables import LAYOUTS, Layout, Table, Tables
from ml_connector.workbook.sheets import LONGEST_CELL, Sheet, nearest

_LITTER = frozenset({"thumbs.db", "desktop.ini"})  # what Windows leaves in folders


def file_name(table: str) -> str:
    """business_units.csv for the table Business units."""
    return f"{table.lower().replace(' ', '_')}.csv"


FILES: Mapping[str, Layout] = {file_name(layout.name): layout for layout in LAYOUTS}


def foreign(folder: Path) -> tuple[Path, ...]:
    """What stands in the folder and is no table of ours; hidden files and locks of spreadsheets do not count."""
    return tuple(
        path
        for path in sorted(folder.iterdir())
        if path.name not in FILES and not path.name.startswith((".", "~$")) and path.name.lower() not in _LITTER
    )


def sheets(folder: Path) -> tuple[list[Sheet], list[Finding]]:
    """The folder's tables, and what is wrong with its files."""
    found: list[Sheet] = []
    wrong = [_unknown(path) for path in foreign(folder)]
    for name, layout in FILES.items():
        if (folder / name).exists():
            sheet = _sheet(folder / name, layout)
            if isinstance(sheet, Sheet):
                found.append(sheet)
            else:
                wrong.append(sheet)
    return found, wrong


def write(tables: Tables, folder: Path) -> None:
    """One file per table into an existing folder; a table that is not given gets its header only."""
    for name, layout in FILES.items():
        table = tables.get(layout.name) or Table(layout.name, tuple(column.name for column in layout.columns))
        with (folder / name).open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow(table.columns)
            writer.writerows([row[column] for column in table.columns] for row in table.rows)


def _sheet(path: Path, layout: Layout) -> Sheet | Finding:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return Finding(
            "workbook.unreadable",
            path.name,
            f"the file cannot be read: {error.strerror}",
            "Close it in other programs, check its permissions, then import again.",
        )
    except UnicodeDecodeError as error:
        return Finding(
            "workbook.unreadable",
            path.name,
            f"the file is not in UTF-8: byte {error.start + 1} does not belong",
            'In Excel, save it as "CSV UTF-8 (comma delimited)", then import again.',
        )
    header, _, _ = text.partition("\n")
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if header.count(";") > header.count(",") else ",", strict=True
    )
    try:
        return Sheet(layout, path.name, list(reader))
    except csv.Error as error:
        return Finding(
            "workbook.unreadable",
            f"{path.name}, line {reader.line_num}",
            f"the file is not well-formed CSV: {error}",
            "Put a cell with quotation marks in quotation marks, double those inside it, and keep every cell within "
            f"{LONGEST_CELL} characters; or save the file again from Excel.",
        )


def _unknown(path: Path) -> Finding:
    near = nearest(path.name, FILES)
    return Finding(
        "workbook.sheet_unknown",
        path.name,
        f"no table of the rulebook is kept in {path.name}",
        f"Rename the file to {near}, or take it out of the folder."
        if near
        else f"Take the file out of the folder; the rulebook's files are {', '.join(FILES)}.",
    )
