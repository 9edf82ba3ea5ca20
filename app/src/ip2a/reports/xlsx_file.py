"""Reports as XLSX: numbers, amounts and days as such; row by row to the disk, so that memory does not grow."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from xlsxwriter import Workbook

from ip2a.reports.cells import Cell
from ip2a.reports.contents import Column, Form
from ip2a.reports.files import Heading

LONGEST_TEXT = 32_767
NUMBER_FORMATS = {Form.MONEY: "$#,##0.00", Form.DAY: "yyyy-mm-dd"}


class XlsxFile:
    """A workbook of one sheet. Text is always written as text, never as a formula or a link."""

    def __init__(self, path: Path, heading: Heading, columns: Sequence[Column]) -> None:
        self._book = Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
        self._book.set_properties({"title": heading.title, "subject": heading.chosen, "comments": heading.made})
        self._sheet = self._book.add_worksheet(heading.title[:31])
        self._formats = [
            self._book.add_format({"num_format": NUMBER_FORMATS[column.form]})
            if column.form in NUMBER_FORMATS
            else None
            for column in columns
        ]
        self._columns = columns
        self._row = 0
        self._prepare(heading)

    def add(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Append rows."""
        for row in rows:
            self._row += 1
            for position, value in enumerate(row):
                self._write(position, value)

    def close(self) -> None:
        """Put the workbook together."""
        self._sheet.autofilter(0, 0, self._row, len(self._columns) - 1)
        self._book.close()

    def _prepare(self, heading: Heading) -> None:
        bold = self._book.add_format({"bold": True, "bg_color": "#12355B", "font_color": "#FFFFFF"})
        for position, column in enumerate(self._columns):
            self._sheet.set_column(position, position, column.width)
        self._sheet.freeze_panes(1, 0)
        self._sheet.repeat_rows(0)
        self._sheet.set_landscape()
        self._sheet.fit_to_pages(1, 0)
        self._sheet.set_header(f"&L{_margin(heading.title)} – {_margin(heading.chosen)}")
        self._sheet.set_footer(f"&L{_margin(heading.made)}&RPage &P of &N")
        for position, column in enumerate(self._columns):
            self._sheet.write_string(0, position, column.label, bold)

    def _write(self, position: int, value: Cell) -> None:
        style = self._formats[position]
        if value is None:
            return
        if isinstance(value, (int, Decimal)):
            self._sheet.write_number(self._row, position, value, style)
        elif isinstance(value, date):
            self._sheet.write_datetime(self._row, position, value, style)
        else:
            self._sheet.write_string(self._row, position, value[:LONGEST_TEXT], style)


def _margin(text: str) -> str:
    """Text for a page's margin, where ampersands begin commands and 255 characters are the end of it."""
    return text[:100].replace("&", "&&")
