"""Writes a rulebook as a folder of CSV files or as one XLSX workbook, without loss and never by halves.

Everything is first written to a hidden folder on the same disk and read back; only what reads as it was meant takes
the place of what stood there.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ml_connector.mapping.tables import LAYOUTS, Tables
from ml_connector.workbook import csv_folder, xlsx
from ml_connector.workbook.reading import read


def write_folder(tables: Tables, path: Path) -> None:
    """One CSV file per table; each file is replaced whole, one after the other.

    Raises FileExistsError where the folder holds files that are no tables of ours, OSError where it cannot be
    written, and ValueError for tables that would not read back as they are.
    """
    if path.exists() and (foreign := csv_folder.foreign(path)):
        raise FileExistsError(f"{path} holds other files ({foreign[0].name}): choose a folder of its own")
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path, prefix=".rulebook-") as inside:
        draft = Path(inside)
        csv_folder.write(tables, draft)
        _prove(tables, draft)
        for name in csv_folder.FILES:
            _settle(draft / name, path / name)


def write_xlsx(tables: Tables, path: Path) -> None:
    """One workbook, one sheet per table.

    Raises OSError where it cannot be written (on Windows, where it is open in Excel), and ValueError for tables that
    would not read back as they are or are longer than a sheet.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".rulebook-") as beside:
        draft = Path(beside) / "rulebook.xlsx"
        xlsx.write(tables, draft)
        _prove(tables, draft)
        _settle(draft, path)


def _settle(draft: Path, path: Path) -> None:
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(draft, path)


def _prove(tables: Tables, draft: Path) -> None:
    again = read(draft)
    if isinstance(again, tuple):
        raise ValueError(f"the tables cannot be written: {again[0].where}: {again[0].says}")
    for layout in LAYOUTS:
        if layout.name in tables:
            meant, got = tables[layout.name], again[layout.name]
            if meant.columns != got.columns:
                raise ValueError(f"the columns of {layout.name} would not read back as they are")
            for row, other in zip(meant.rows, got.rows, strict=False):
                if dict(row.cells) != dict(other.cells):
                    raise ValueError(f"row {row.number} of {layout.name} would not read back as it is")
            if len(meant.rows) != len(got.rows):
                raise ValueError(f"{layout.name} would read back with {len(got.rows)} rows for {len(meant.rows)}")
    if unknown := set(tables) - {layout.name for layout in LAYOUTS}:
        raise ValueError(f"the rulebook has no table {min(unknown)}")
