"""Reports as CSV: UTF-8 with a mark that spreadsheets know it by, one line for the labels."""

import csv
from collections.abc import Sequence
from pathlib import Path

from ip2a.reports.cells import Cell, guarded
from ip2a.reports.contents import Column
from ip2a.reports.files import TooLarge
from ip2a.reports.models import MAXIMUM_BYTES


class CsvFile:
    """A CSV file; it has no heading, so that programs can read it."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._lines = csv.writer(self._file)
        self._lines.writerow([column.label for column in columns])

    def add(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Append rows; raises TooLarge."""
        for row in rows:
            self._lines.writerow(
                [guarded(value, column.form) for value, column in zip(row, self._columns, strict=True)]
            )
        if self._file.tell() > MAXIMUM_BYTES:
            raise TooLarge

    def close(self) -> None:
        """Write what is left."""
        self._file.close()
