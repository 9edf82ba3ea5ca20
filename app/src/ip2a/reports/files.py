"""Files that grow by portions of rows: what writers of all formats have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ip2a.reports.cells import Cell
from ip2a.reports.contents import Column
from ip2a.reports.models import MAXIMUM_BYTES, ReportFormat


class TooLarge(Exception):
    """The file would be larger than can be kept; the message says what to do."""

    def __init__(self) -> None:
        super().__init__(
            f"The file would be larger than {MAXIMUM_BYTES // 2**20} MB. Choose a shorter period or fewer rows."
        )


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above the rows: the title, what was chosen, when and for whom the report was made."""

    title: str
    chosen: str
    made: str


class ReportFile(Protocol):
    """A file that is being written. Its methods block: they belong in a thread."""

    def add(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Append rows; raises TooLarge."""

    def close(self) -> None:
        """Write what ends the file."""


MOST_ROWS = {ReportFormat.CSV: 2_000_000, ReportFormat.XLSX: 500_000, ReportFormat.PDF: 20_000}
MEDIA_TYPES = {
    ReportFormat.CSV: "text/csv; charset=utf-8",
    ReportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportFormat.PDF: "application/pdf",
}


def open_file(wanted: ReportFormat, path: Path, heading: Heading, columns: Sequence[Column]) -> ReportFile:
    """A new file of this format. (Libraries are loaded by who writes reports, not by who asks for them.)"""
    if wanted is ReportFormat.XLSX:
        from ip2a.reports.xlsx_file import XlsxFile  # noqa: PLC0415

        return XlsxFile(path, heading, columns)
    if wanted is ReportFormat.PDF:
        from ip2a.reports.pdf_file import PdfFile  # noqa: PLC0415

        return PdfFile(path, heading, columns)
    from ip2a.reports.csv_file import CsvFile  # noqa: PLC0415

    return CsvFile(path, columns)
