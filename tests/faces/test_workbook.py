"""The rulebook as files: what goes out comes back, and what is wrong is told with its sheet, row and column."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_connector.findings import Finding
from ml_connector.mapping.tables import BY_NAME, LAYOUTS, Layout, Row, Table, Tables
from ml_connector.sandbox import town
from ml_connector.workbook.csv_folder import FILES
from ml_connector.workbook.reading import read
from ml_connector.workbook.sheets import Cell, letters, text_of
from ml_connector.workbook.writing import write_folder, write_xlsx

Write = Callable[[Tables, Path], None]
Shown = Mapping[str, tuple[tuple[str, ...], list[dict[str, str]]]]

COMPANIES = (
    "company,gp_company,currency,account_format,main_segment,receivables_account,payables_account\n"
    'FRM,FRMEC,USD,"Division 3, Main 4, Department 2",Main,000-1200-00,000-2100-00\n'
)


def shown(tables: Tables) -> Shown:
    """What a person sees of the tables: columns and cells, not the row numbers."""
    return {name: (table.columns, [dict(row.cells) for row in table.rows]) for name, table in tables.items()}


def understood(path: Path) -> Tables:
    tables = read(path)
    assert not isinstance(tables, tuple), tables
    return tables


def refused(path: Path) -> tuple[Finding, ...]:
    findings = read(path)
    assert isinstance(findings, tuple)
    return findings


def the_only(path: Path) -> Finding:
    (finding,) = refused(path)
    assert finding.remedy.endswith(".")
    return finding


def a_folder(folder: Path, **files: str | bytes) -> Path:
    for name, content in {"companies": COMPANIES, **files}.items():
        (folder / f"{name}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def a_workbook(path: Path, **sheets: Sequence[Sequence[Cell]]) -> Path:
    """An XLSX as a person's spreadsheet program leaves it: numbers, dates and booleans are not text."""
    with xlsxwriter.Workbook(path) as workbook:
        formats = {
            date: workbook.add_format({"num_format": "m/d/yyyy"}),
            datetime: workbook.add_format({"num_format": "m/d/yyyy hh:mm"}),
            time: workbook.add_format({"num_format": "hh:mm"}),
        }
        for name, rows in {"Companies": list(csv.reader(COMPANIES.splitlines())), **sheets}.items():
            sheet = workbook.add_worksheet(name)
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    sheet.write(row, column, cell, formats.get(type(cell)))
    return path


def a_layout(name: str) -> list[str]:
    return [column.name for column in BY_NAME[name].columns]


# What people write in cells: any character that a spreadsheet can hold, and what has hurt before.
alphabet = st.characters(
    exclude_categories=("Cs", "Cc"), include_characters="\n\t\"',;=+-@", exclude_characters="\ufffe\uffff"
)
raw = st.text(alphabet, max_size=12) | st.sampled_from(
    (
        "0042",
        "=1+1",
        "+1 303",
        "-25.00",
        "@SUM(A1)",
        "'quoted",
        '"',
        '3/4"',
        "a\r\nb",
        "4110.0",
        "1e5",
        "TRUE",
        "_x0041_",
    )
)
words = raw.map(lambda text: str(text_of(text)))
filled = words.filter(bool)


@st.composite
def a_table(draw: st.DrawFn, layout: Layout) -> Table:
    needed = [column.name for column in layout.columns if column.required]
    free = [column.name for column in layout.columns if not column.required]
    segments = ["segment Division", "segment Cost Centre"] if layout.segments else []
    chosen = draw(st.lists(st.sampled_from([*free, *segments]), unique=True)) if free or segments else []
    columns = draw(st.permutations([*needed, *chosen]).filter(bool)) if needed or chosen else a_layout(layout.name)[:1]
    rows = []
    for number in range(2, 2 + draw(st.integers(0, 3))):
        cells = {name: draw(filled if name in needed else words) for name in columns}
        if kept := {name: text for name, text in cells.items() if text}:
            rows.append(Row(number, kept))
    return Table(layout.name, tuple(columns), tuple(rows))


@st.composite
def rulebooks(draw: st.DrawFn) -> Tables:
    return {layout.name: draw(a_table(layout)) for layout in LAYOUTS}


@pytest.mark.parametrize(("write", "name"), [(write_folder, "rulebook"), (write_xlsx, "rulebook.xlsx")])
@settings(max_examples=40, deadline=None)
@given(tables=rulebooks())
def test_a_rulebook_comes_back_as_it_went_out(write: Write, name: str, tables: Tables) -> None:
    """Quotation marks, line ends, any script, leading zeros and a leading "=" survive both formats."""
    with TemporaryDirectory() as folder:
        write(tables, Path(folder) / name)
        again = understood(Path(folder) / name)
        assert shown(again) == shown(tables)
        assert list(again) == [layout.name for layout in LAYOUTS]


def test_the_sample_rulebook_agrees_with_the_town(tmp_path: Path) -> None:
    """Every business unit, party, tax and account of the sample is one that the town has; what is to be held is not."""
    with as_file(files("ml_connector.sandbox") / "sample" / "rulebook") as folder:
        tables = understood(folder)
        write_xlsx(tables, tmp_path / "sample.xlsx")
    assert shown(understood(tmp_path / "sample.xlsx")) == shown(tables)

    def column(table: str, *names: str) -> list[tuple[str, ...]]:
        return [tuple(row[name] for name in names) for row in tables[table].rows]

    assert column("Customers", "servicetitan_id", "name", "gp_customer") == [
        (str(customer.id), customer.name, customer.gp_id) for customer in town.CUSTOMERS
    ]
    assert column("Vendors", "servicetitan_id", "name", "gp_vendor") == [
        (str(vendor.id), vendor.name, vendor.gp_id) for vendor in (*town.VENDORS, town.VENDOR_1099_WITHOUT_RULE)
    ]
    shares = {row["gp_vendor"]: row["share_1099"] for row in tables["Vendors"].rows}
    assert {vendor.gp_id for vendor in town.VENDORS if vendor.is_1099} == {
        name for name, share in shares.items() if share
    }
    assert column("Business units", "business_unit", "segment Division", "segment Department") == [
        (unit.name, unit.division, unit.department) for unit in town.BUSINESS_UNITS
    ]
    assert column("Taxes", "tax_zone", "rate", "tax_detail", "account") == [
        (zone.name, authority.name, authority.detail, f"000-{authority.liability}-00")
        for zone in town.TAX_ZONES
        for authority in zone.authorities
    ]
    takers = [zone for zone, yes in column("Taxes", "tax_zone", "takes_the_cent") if yes == "yes"]
    assert takers == [zone.name for zone in town.TAX_ZONES]
    numbers = {account.number for account in town.GL_ACCOUNTS}
    for number, main, account in column("Accounts", "account_number", "main", "account"):
        assert number in numbers or not number
        assert main in town.PROFIT_AND_LOSS or account.split("-")[1] in town.BALANCE_SHEET
    assert ("4510",) not in column("Accounts", "account_number")
    assert (town.UNMAPPED_ITEM.code,) not in column("Accounts", "item_code")


def test_numbers_dates_and_booleans_of_a_spreadsheet_come_back_as_people_write_them(tmp_path: Path) -> None:
    """A spreadsheet made 4110 a float, a date a day count, and 60 % a fraction: the rulebook sees none of it."""
    path = a_workbook(
        tmp_path / "typed.xlsx",
        Companies=[a_layout("Companies"), ["A", "B", "USD", "C", "D", "E", "F", date(2026, 3, 1), "", ""]],
        Accounts=[
            ["account_number", "item_code", "main"],
            [4110, 12.5, 4110.0],
            [datetime(2026, 3, 1, 8, 30), -1e14, 0],  # noqa: DTZ001
        ],
        Vendors=[
            ["servicetitan_id", "gp_vendor", "share_1099"],
            *(
                [vendor, "V", share]
                for vendor, share in ((1724806, 0.6), (2, 1), (3, 0), (4, 0.07), (5, 0.125), (6, "60%"))
            ),
        ],
        Taxes=[a_layout("Taxes"), ["Denver", "State", "X", "Y", True], ["Denver", "RTD", "X", "Y", False]],
    )
    tables = understood(path)
    assert tables["Companies"].rows[0]["cut_over"] == "2026-03-01"
    assert [dict(row.cells) for row in tables["Accounts"].rows] == [
        {"account_number": "4110", "item_code": "12.5", "main": "4110"},
        {"account_number": "2026-03-01 08:30:00", "item_code": "-100000000000000", "main": "0"},
    ]
    assert [row["share_1099"] for row in tables["Vendors"].rows] == ["60%", "100%", "0%", "7%", "12.5%", "60%"]
    assert tables["Vendors"].rows[0]["servicetitan_id"] == "1724806"
    assert [row["takes_the_cent"] for row in tables["Taxes"].rows] == ["yes", "no"]


@pytest.mark.parametrize("cell", [1 / 3, 1e15, 1234567890123456, time(8, 30)])
def test_a_number_that_a_spreadsheet_has_rounded_is_refused(tmp_path: Path, cell: Cell) -> None:
    """Sixteen digits typed as a number have already lost one: the cell must be text."""
    finding = the_only(
        a_workbook(tmp_path / "rounded.xlsx", Accounts=[["account_number", "main"], ["", ""], [4110, cell]])
    )
    assert (finding.code, finding.where) == ("workbook.not_text", "sheet Accounts, row 3, column main")


def test_an_error_or_an_uncomputed_formula_is_not_a_blank_cell(tmp_path: Path) -> None:
    """A lookup that failed would otherwise be read as blank, and blank matches anything."""
    path = tmp_path / "formulas.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet("Accounts")
        sheet.write_row(0, 0, ["item_code", "job_type", "main"])
        sheet.write_formula(1, 0, "=VLOOKUP(1,A1:B2,2)", None, "#N/A")
        sheet.write_formula(1, 2, "=4000+110", None, 4110)
        sheet.write_formula(2, 1, "=1+1", None, "")
        workbook.add_worksheet("Companies").write_row(0, 0, next(csv.reader(COMPANIES.splitlines())))
    assert {finding.where: finding.says for finding in refused(path)} == {
        "sheet Accounts, row 2, column item_code": "the cell holds the error #N/A",
        "sheet Accounts, row 3, column job_type": "the cell holds a formula that was never computed",
    }
    _rewrite(path, "xl/worksheets/sheet1.xml", b't="e"', b't="str"')
    _rewrite(path, "xl/worksheets/sheet1.xml", b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>")
    assert [dict(row.cells) for row in understood(path)["Accounts"].rows] == [
        {"item_code": "#N/A", "main": "4110"},
        {"job_type": "2"},
    ]


def _rewrite(path: Path, member: str, old: bytes, new: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[member]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(old, new) if name == member else content)


def test_a_stray_cell_in_the_last_corner_of_a_sheet_is_a_finding(tmp_path: Path) -> None:
    """Held as a full rectangle such a sheet would take half a terabyte."""
    path = a_workbook(tmp_path / "stray.xlsx", Accounts=[["main"], ["4110"]])
    _rewrite(path, "xl/worksheets/sheet2.xml", b'r="A2"', b'r="XFD1048576"')
    finding = the_only(path)
    assert (finding.code, finding.where) == ("workbook.unreadable", "sheet Accounts")
    assert "row 1048576, column XFD" in finding.says


def test_cells_without_references_are_counted(tmp_path: Path) -> None:
    """Some programs leave the cell references out; an error is still found where it stands."""
    path = a_workbook(tmp_path / "bare.xlsx", Accounts=[["item_code", "main"], ["x", "y"]])
    for reference in ("A1", "B1", "A2", "B2"):
        _rewrite(path, "xl/worksheets/sheet2.xml", f' r="{reference}"'.encode(), b"")
    _rewrite(path, "xl/worksheets/sheet2.xml", b"</row></sheetData>", b'<c t="e"><v>#REF!</v></c></row></sheetData>')
    findings = refused(path)
    assert ("sheet Accounts, row 2, column C", "the cell holds the error #REF!") in [
        (f.where, f.says) for f in findings
    ]


def test_every_cell_of_a_written_workbook_is_text_and_every_header_explains_itself(tmp_path: Path) -> None:
    """An item code "=1+1" stays one; a formula in an export would be an attack on whoever opens it."""
    path = tmp_path / "rulebook.xlsx"
    table = Table("Accounts", ("item_code", "main"), (Row(2, {"item_code": "=1+1", "main": "0042"}),))
    write_xlsx({"Accounts": table, "Companies": understood(a_folder(tmp_path))["Companies"]}, path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".xml")}
    sheets = [text for name, text in parts.items() if name.startswith("xl/worksheets/")]
    assert len(sheets) == len(LAYOUTS)
    assert not [text for text in sheets if "<f>" in text or '<c r="A2"><v>' in text]
    assert all('state="frozen"' in text for text in sheets)
    notes = "".join(text for name, text in parts.items() if "comments" in name)
    assert all(
        column.meaning.split('"')[0] in notes for column in BY_NAME["Accounts"].columns if column.name in table.columns
    )


def test_files_that_excel_saved_with_semicolons_or_a_mark_are_read(tmp_path: Path) -> None:
    """In much of the world Excel's CSV has semicolons, and its UTF-8 begins with a byte order mark."""
    folder = a_folder(
        tmp_path,
        accounts="item_code;main;job_type\r\nA,B;4110; Install \r\n;;\r\nC;4120;\r\n".encode("utf-8-sig"),
        customers="servicetitan_id,gp_customer\r1,CAFE\u0301\r",
    )
    tables = understood(folder)
    assert tables["Accounts"].columns == ("item_code", "main", "job_type")
    assert tables["Accounts"].rows == (
        Row(2, {"item_code": "A,B", "main": "4110", "job_type": "Install"}),
        Row(4, {"item_code": "C", "main": "4120"}),
    )
    assert tables["Customers"].rows[0]["gp_customer"] == "CAFÉ"


def test_a_folder_is_written_as_excel_opens_it(tmp_path: Path) -> None:
    """A byte order mark, commas, CRLF; a cell that begins with "=" has no guard put before it."""
    tables = {
        **understood(a_folder(tmp_path)),
        "Accounts": Table("Accounts", ("item_code",), (Row(2, {"item_code": "=1"}),)),
    }
    write_folder(tables, tmp_path / "out")
    assert (tmp_path / "out" / "accounts.csv").read_bytes() == b"\xef\xbb\xbfitem_code\r\n=1\r\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)


def test_a_missing_table_is_an_empty_one_and_an_empty_one_is_written_with_its_header(tmp_path: Path) -> None:
    """So an export of little is a form for more."""
    tables = understood(a_folder(tmp_path, taxes=""))
    assert list(tables) == [layout.name for layout in LAYOUTS]
    assert all(not tables[name].rows for name in tables if name != "Companies")
    write_xlsx({"Companies": tables["Companies"]}, tmp_path / "form.xlsx")
    assert understood(tmp_path / "form.xlsx")["Taxes"] == Table("Taxes", tuple(a_layout("Taxes")))


WRONG = {
    "column_unknown": ("job_typ,main\nInstall,4110\n", "row 1, column job_typ", 'Write "job_type"'),
    "a strange column": ("colour,main\nred,4110\n", "row 1, column colour", "segment's name"),
    "a segment's number": ("segment 2,main\n02,4110\n", "row 1, column segment 2", "segment Department"),
    "a nameless column": ("main\n4110\n4120,x\n", "row 1, column B", "clear the column"),
    "no header": ("\nmain\n4110\n", "row 1, column A", "Write the column's name in row 1"),
    "column_twice": ("main,item_code,main\n1,2,3\n", "row 1, column main", "Keep one"),
    "not_text": ("main,item_code\n1,2\n\n3,a\x07b\n", "row 4, column item_code", "Type the text again"),
    "too long": (f"main\n{'x' * 40_000}\n", "row 2, column main", "Shorten the text"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_in_a_table_is_told_with_its_place_and_what_to_write(tmp_path: Path, wrong: str) -> None:
    """The finding names file, row and column, and the remedy what to write instead."""
    content, where, remedy = WRONG[wrong]
    finding = the_only(a_folder(tmp_path, accounts=content))
    codes = {"a strange column", "a segment's number", "a nameless column", "no header"}
    code = "column_unknown" if wrong in codes else "not_text" if wrong == "too long" else wrong
    assert (finding.code, finding.where) == (f"workbook.{code}", f"accounts.csv, {where}")
    assert remedy in finding.remedy


def test_a_required_column_or_cell_that_is_missing_is_told(tmp_path: Path) -> None:
    """One finding for the column, one for each blank cell, and none for a row that is blank all through."""
    folder = a_folder(
        tmp_path, customers="servicetitan_id,name\n1,Smith\n", options="option,value\n,hold\n,\nclosed_period,\n"
    )
    assert [(finding.code, finding.where) for finding in refused(folder)] == [
        ("workbook.column_missing", "customers.csv, row 1, column gp_customer"),
        ("workbook.cell_missing", "options.csv, row 2, column option"),
        ("workbook.cell_missing", "options.csv, row 4, column value"),
    ]


def test_a_rulebook_without_companies_is_refused(tmp_path: Path) -> None:
    """No other table is needed; this one is, in a folder and in a workbook."""
    (tmp_path / "taxes.csv").write_text("")
    assert (the_only(tmp_path).code, the_only(tmp_path).where) == ("workbook.sheet_missing", "companies.csv")
    with xlsxwriter.Workbook(tmp_path / "book.xlsx") as workbook:
        workbook.add_worksheet("Taxes")
    finding = the_only(tmp_path / "book.xlsx")
    assert (finding.code, finding.where) == ("workbook.sheet_missing", "sheet Companies")
    (tmp_path / "companys.csv").write_text(COMPANIES)
    (tmp_path / "book.xlsx").unlink()
    assert {finding.code for finding in refused(tmp_path)} == {"workbook.sheet_unknown", "workbook.sheet_missing"}
    (tmp_path / "companys.csv").rename(tmp_path / "companies.csv").write_bytes(b"\xff")
    assert the_only(tmp_path).code == "workbook.unreadable"


def test_an_unknown_sheet_or_file_is_refused_and_the_nearest_name_told(tmp_path: Path) -> None:
    """A table with a misspelt name would otherwise be left out in silence."""
    folder = a_folder(tmp_path, acounts="main\n4110\n")
    (folder / ".gitignore").write_text("")
    (folder / "~$rulebook.xlsx").write_text("")
    assert (the_only(folder).code, the_only(folder).where) == ("workbook.sheet_unknown", "acounts.csv")
    assert "accounts.csv" in the_only(folder).remedy
    finding = the_only(a_workbook(tmp_path / "book.xlsx", accounts=[["main"]]))
    assert (finding.code, finding.where) == ("workbook.sheet_unknown", "sheet accounts")
    assert "Rename the sheet to Accounts" in finding.remedy
    assert "Delete the sheet" in the_only(a_workbook(tmp_path / "book.xlsx", Sheet1=[])).remedy


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """A person mends the file once, not once per finding."""
    path = a_workbook(
        tmp_path / "wrong.xlsx",
        Acounts=[["main"]],
        Accounts=[["main", "itemcode"], [1 / 3, "x"]],
        Options=[["option", "value"], ["closed_period", ""]],
    )
    assert {finding.code for finding in refused(path)} == {
        "workbook.sheet_unknown",
        "workbook.column_unknown",
        "workbook.not_text",
        "workbook.cell_missing",
    }


@pytest.mark.parametrize(
    ("content", "where", "remedy"),
    [
        ("item_code,main\nCafé,4110\n".encode("cp1252"), "accounts.csv", "CSV UTF-8"),
        ("main\n4110\n".encode("utf-16"), "accounts.csv", "CSV UTF-8"),
        (b'item_code,main\n"3/4" pipe,4110\n', "accounts.csv, line 2", "double those inside"),
        (b'item_code,main\n"open,4110\n', "accounts.csv, line 2", "double those inside"),
    ],
)
def test_a_file_that_is_no_csv_in_utf_8_is_refused(tmp_path: Path, content: bytes, where: str, remedy: str) -> None:
    """Guessing an encoding would corrupt a customer's name in silence."""
    finding = the_only(a_folder(tmp_path, accounts=content))
    assert (finding.code, finding.where) == ("workbook.unreadable", where)
    assert remedy in finding.remedy


def test_a_path_that_is_no_rulebook_is_refused(tmp_path: Path) -> None:
    """Nothing there, an old .xls, a text called .xlsx, a ZIP that is no workbook: each is a finding."""
    (tmp_path / "old.xls").write_bytes(b"x")
    (tmp_path / "text.xlsx").write_text("main\n4110\n")
    with zipfile.ZipFile(tmp_path / "zip.xlsx", "w") as archive:
        archive.writestr("hello", "world")
    for name in ("nowhere", "nowhere.xlsx", "old.xls", "text.xlsx", "zip.xlsx"):
        finding = the_only(tmp_path / name)
        assert (finding.code, finding.where) == ("workbook.unreadable", name)


@settings(max_examples=60, deadline=None)
@given(spots=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_workbook_is_read_or_refused(spots: list[tuple[int, int]]) -> None:
    """Bytes lost on a network share end in a finding or in a whole rulebook, never in a traceback."""
    with TemporaryDirectory() as folder:
        path = a_workbook(Path(folder) / "damaged.xlsx", Accounts=[["main"], ["4110"]])
        content = bytearray(path.read_bytes())
        for place, byte in spots:
            content[place % len(content)] = byte
        path.write_bytes(content)
        found = read(path)
        assert isinstance(found, tuple) or list(found) == [layout.name for layout in LAYOUTS]


def test_writing_spares_a_folder_that_holds_other_files(tmp_path: Path) -> None:
    """A mistyped path must not scatter a rulebook among somebody's documents."""
    tables = understood(a_folder(tmp_path))
    (tmp_path / "letter.docx").write_text("Dear Sir")
    before = (tmp_path / "companies.csv").read_bytes()
    with pytest.raises(FileExistsError, match=r"letter\.docx"):
        write_folder(tables, tmp_path)
    assert (tmp_path / "companies.csv").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("write", "name"), [(write_folder, "out"), (write_xlsx, "out.xlsx")])
@pytest.mark.parametrize(
    "rows",
    [
        (Row(2, {"option": "closed_period"}),),
        (Row(2, {"option": "a", "value": " padded"}),),
        (Row(2, {"option": "a", "value": "b", "colour": "red"}),),
        (Row(2, {"option": "a", "value": "x" * 40_000}),),
        (Row(2, {"option": "a", "value": "b"}), Row(3, {})),
    ],
)
def test_tables_that_would_not_read_back_leave_the_old_file_alone(
    tmp_path: Path, write: Write, name: str, rows: tuple[Row, ...]
) -> None:
    """The written file is read before it takes the place of the old one."""
    tables = understood(a_folder(tmp_path))
    write(tables, tmp_path / name)
    with pytest.raises(ValueError, match=r"Options|options|XLSX"):
        write({**tables, "Options": Table("Options", ("option", "value"), rows)}, tmp_path / name)
    assert shown(understood(tmp_path / name)) == shown(tables)
    assert not list(tmp_path.glob("**/.rulebook-*"))


def test_columns_are_lettered_as_a_spreadsheet_letters_them() -> None:
    """A, Z, AA, XFD."""
    assert [letters(index) for index in (0, 25, 26, 701, 702, 16_383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]


def test_the_manual_names_every_table_and_column() -> None:
    """docs/rulebook.md is where the remedies send people."""
    manual = (Path(__file__).parents[2] / "docs" / "rulebook.md").read_text("utf-8")
    for layout in LAYOUTS:
        _, heading, rest = manual.partition(f"### {layout.name}\n")
        assert heading, layout.name
        section = rest.split("\n#", 1)[0]
        for column in layout.columns:
            assert f"| `{column.name}` |" in section, f"{layout.name}: {column.name}"
