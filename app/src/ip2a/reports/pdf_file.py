"""Reports as PDF to be printed: letter paper across, title and labels on every page, "Page 3 of 12"."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import landscape, letter
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from ip2a.reports.cells import Cell, printable, printed
from ip2a.reports.contents import Column, Form
from ip2a.reports.files import Heading

WIDTH, HEIGHT = landscape(letter)
MARGIN = 36.0
FONT, BOLD = "Helvetica", "Helvetica-Bold"
SIZE, LEADING = 7.0, 8.6
PADDING = 3.5
MOST_LINES = 6
"""Of one cell; what is longer ends in an ellipsis. CSV and XLSX have everything."""
TOP = HEIGHT - MARGIN - 46
BOTTOM = MARGIN + 22
INK, MUTED, BRAND, GROUND, LINE = (HexColor(each) for each in ("#16212e", "#52606d", "#12355b", "#f3f6f9", "#d9e1e8"))
TOTAL_PAGES = "total-pages"
RIGHT = frozenset({Form.MONEY, Form.NUMBER})


class PdfFile:
    """A table over pages. A finished page is kept compressed; nothing of its rows stays."""

    def __init__(self, path: Path, heading: Heading, columns: Sequence[Column]) -> None:
        self._heading = heading
        self._columns = columns
        self._canvas = Canvas(str(path), pagesize=(WIDTH, HEIGHT), pageCompression=1, lang="en-US")
        self._canvas.setTitle(printable(f"{heading.title} – {heading.chosen}"))
        self._canvas.setAuthor("IP2A")
        self._canvas.setSubject(printable(heading.made))
        share = (WIDTH - 2 * MARGIN) / sum(column.width for column in columns)
        self._widths = [column.width * share for column in columns]
        self._rows = 0
        self._totals = [Decimal(0)] * len(columns)
        self._y = TOP
        self._begin_page()

    def add(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Append rows."""
        for row in rows:
            for position, value in enumerate(row):
                if self._columns[position].form is Form.MONEY and isinstance(value, Decimal):
                    self._totals[position] += value
            self._draw_row(
                [
                    wrapped(printed(value, column.form), width - 2 * PADDING)
                    for value, column, width in zip(row, self._columns, self._widths, strict=True)
                ]
            )
            self._rows += 1

    def close(self) -> None:
        """Sum up, and tell every page how many there are."""
        self._draw_totals()
        pages = self._canvas.getPageNumber()
        self._end_page()
        self._canvas.beginForm(TOTAL_PAGES)
        self._canvas.setFont(FONT, SIZE)
        self._canvas.setFillColor(MUTED)
        self._canvas.drawString(0, 0, str(pages))
        self._canvas.endForm()
        self._canvas.save()

    def _begin_page(self) -> None:
        canvas = self._canvas
        canvas.setFillColor(BRAND)
        canvas.setFont(BOLD, 15)
        canvas.drawString(MARGIN, HEIGHT - MARGIN - 10, printable(self._heading.title))
        canvas.setFillColor(MUTED)
        canvas.setFont(FONT, 8.5)
        canvas.drawString(MARGIN, HEIGHT - MARGIN - 24, printable(self._heading.chosen))
        self._y = TOP
        labels = [
            wrapped(column.label, width - 2 * PADDING, BOLD)
            for column, width in zip(self._columns, self._widths, strict=True)
        ]
        height = _height(labels)
        canvas.setFillColor(BRAND)
        canvas.rect(MARGIN, self._y - height, WIDTH - 2 * MARGIN, height, stroke=0, fill=1)
        canvas.setFillColor(HexColor("#ffffff"))
        self._draw_cells(labels, BOLD)
        self._y -= height

    def _end_page(self) -> None:
        canvas = self._canvas
        canvas.setFont(FONT, SIZE)
        canvas.setFillColor(MUTED)
        canvas.drawString(MARGIN, MARGIN, printable(self._heading.made))
        number = f"Page {canvas.getPageNumber()} of "
        where = WIDTH - MARGIN - 24 - stringWidth(number, FONT, SIZE)
        canvas.drawString(where, MARGIN, number)
        canvas.saveState()
        canvas.translate(WIDTH - MARGIN - 24, MARGIN)
        canvas.doForm(TOTAL_PAGES)
        canvas.restoreState()
        canvas.showPage()

    def _draw_row(self, cells: Sequence[Sequence[str]]) -> None:
        height = _height(cells)
        self._need(height)
        if self._rows % 2:
            self._canvas.setFillColor(GROUND)
            self._canvas.rect(MARGIN, self._y - height, WIDTH - 2 * MARGIN, height, stroke=0, fill=1)
        self._canvas.setFillColor(INK)
        self._draw_cells(cells, FONT)
        self._y -= height

    def _draw_cells(self, cells: Sequence[Sequence[str]], font: str) -> None:
        left = MARGIN
        for lines, column, width in zip(cells, self._columns, self._widths, strict=True):
            for number, line in enumerate(lines):
                base = self._y - PADDING - SIZE * 0.8 - number * LEADING
                self._canvas.setFont(font, SIZE)
                if column.form in RIGHT:
                    self._canvas.drawRightString(left + width - PADDING, base, line)
                else:
                    self._canvas.drawString(left + PADDING, base, line)
            left += width

    def _draw_totals(self) -> None:
        self._need(LEADING + 2 * PADDING + 2)
        self._canvas.setStrokeColor(LINE)
        self._canvas.line(MARGIN, self._y, WIDTH - MARGIN, self._y)
        self._canvas.setFillColor(INK)
        self._y -= 2
        cells: list[list[str]] = [
            [printed(total, column.form)] if column.form is Form.MONEY else []
            for total, column in zip(self._totals, self._columns, strict=True)
        ]
        self._draw_cells(cells, BOLD)
        rows = f"{self._rows:,} row{'' if self._rows == 1 else 's'}"
        self._canvas.setFont(BOLD, SIZE)
        self._canvas.drawString(MARGIN + PADDING, self._y - PADDING - SIZE * 0.8, rows)

    def _need(self, height: float) -> None:
        if self._y - height < BOTTOM:
            self._end_page()
            self._begin_page()


def _height(cells: Sequence[Sequence[str]]) -> float:
    return max(1, *(len(lines) for lines in cells)) * LEADING + 2 * PADDING - (LEADING - SIZE)


def wrapped(text: str, width: float, font: str = FONT) -> list[str]:
    """The text in lines of at most `width` points: broken between words, and within those that are too long."""
    if stringWidth(text, font, SIZE) <= width:
        return [text]
    lines: list[str] = []
    line = ""
    for word in text.split():
        together = f"{line} {word}" if line else word
        if stringWidth(together, font, SIZE) <= width:
            line = together
            continue
        if line:
            lines.append(line)
        line = word
        while len(lines) < MOST_LINES and stringWidth(line, font, SIZE) > width:
            fits = _fitting(line, width, font)
            lines.append(line[:fits])
            line = line[fits:]
        if len(lines) >= MOST_LINES:
            break
    if len(lines) >= MOST_LINES:
        return [*lines[: MOST_LINES - 1], f"{lines[MOST_LINES - 1][:-1]}…"]
    return [*lines, line]


def _fitting(word: str, width: float, font: str) -> int:
    """How many of the word's characters fit, at least one."""
    used = 0.0
    for number, character in enumerate(word):
        used += stringWidth(character, font, SIZE)
        if used > width:
            return max(1, number)
    return len(word)
