"""Files of each format, read back by other programs."""

import csv
import zipfile
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, StreamObject

from ip2a.reports import csv_file, pdf_file
from ip2a.reports.cells import Cell
from ip2a.reports.contents import Column, Form
from ip2a.reports.files import Heading, TooLarge, open_file
from ip2a.reports.models import ReportFormat

HEADING = Heading("Overdue & due", "Book: 3", "Made Nov 27, 2026 at 08:00 Pacific time")
COLUMNS = (
    Column("Name", "", 20),
    Column("Since", "", 10, Form.DAY),
    Column("Months", "", 8, Form.NUMBER),
    Column("Owed", "", 10, Form.MONEY),
)
EVIL = "=1+1"
ROWS: Sequence[Sequence[Cell]] = (
    ("Ann, B", date(2026, 1, 31), 2, Decimal("150.00")),
    (EVIL, None, None, Decimal("-0.50")),
)
NAMES = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def written(path: Path, wanted: ReportFormat, rows: Sequence[Sequence[Cell]] = ROWS) -> Path:
    file = open_file(wanted, path, HEADING, COLUMNS)
    for row in rows:
        file.add([row])
    file.close()
    return path


def test_csv(tmp_path: Path) -> None:
    path = written(tmp_path / "r", ReportFormat.CSV)
    assert path.read_bytes().startswith(b"\xef\xbb\xbfName,Since")
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["Name", "Since", "Months", "Owed"],
            ["Ann, B", "2026-01-31", "2", "150.00"],
            [f"'{EVIL}", "", "", "-0.50"],
        ]


def test_csv_that_grows_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAXIMUM_BYTES", 10_000)
    file = open_file(ReportFormat.CSV, tmp_path / "r", HEADING, COLUMNS)
    with pytest.raises(TooLarge, match="shorter period"):
        file.add([ROWS[0]] * 1000)
    file.close()


def test_xlsx_has_numbers_and_never_a_formula(tmp_path: Path) -> None:
    path = written(tmp_path / "r", ReportFormat.XLSX)
    with zipfile.ZipFile(path) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 (our own file)
    cells = {each.get("r"): each for each in sheet.iterfind(".//x:c", NAMES)}
    assert sheet.find(".//x:f", NAMES) is None, "a formula"
    assert float(cells["D2"].findtext("x:v", "", NAMES)) == 150
    assert cells["D2"].get("t") in {None, "n"}
    assert cells["A3"].get("t") == "inlineStr"
    assert "".join(cells["A3"].itertext()) == EVIL
    header = sheet.findtext(".//x:oddHeader", namespaces=NAMES)
    assert header == "&LOverdue && due – Book: 3"


def test_pdf_has_title_labels_and_page_numbers_on_every_page(tmp_path: Path) -> None:
    path = written(tmp_path / "r", ReportFormat.PDF, [ROWS[0]] * 150)
    pages = [page.extract_text() for page in PdfReader(path).pages]
    assert len(pages) > 3
    for number, page in enumerate(pages, 1):
        assert "Overdue & due" in page
        assert "Book: 3" in page
        assert "Owed" in page
        assert f"Page {number} of" in page
        assert "Made Nov 27, 2026" in page
    assert "150 rows" in pages[-1]
    assert "$22,500.00" in pages[-1]
    assert f"({len(pages)}) Tj".encode() in total_of(path)
    assert sum(page.count("Ann, B") for page in pages) == 150


def total_of(path: Path) -> bytes:
    """How the number of all pages is drawn: one form, which every page shows."""
    resources = PdfReader(path).pages[0]["/Resources"]
    assert isinstance(resources, DictionaryObject)
    forms = resources["/XObject"]
    assert isinstance(forms, DictionaryObject)
    (form,) = (each.get_object() for each in forms.values())
    assert isinstance(form, StreamObject)
    return form.get_data()


def test_pdf_breaks_long_texts_within_their_cell() -> None:
    lines = pdf_file.wrapped("a" * 300, 50)
    assert len(lines) == pdf_file.MOST_LINES
    assert lines[-1].endswith("…")
    assert pdf_file.wrapped("Quick brown fox", 500) == ["Quick brown fox"]
    assert " ".join(pdf_file.wrapped("Quick brown fox jumps", 40)) == "Quick brown fox jumps"
