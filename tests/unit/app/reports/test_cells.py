"""Values as they stand in the files: numbers stay numbers, and no text becomes a formula."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ip2a.reports.cells import Cell, cell, guarded, printable, printed
from ip2a.reports.contents import Form

NOON = datetime(2026, 7, 1, 19, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "form", "csv", "paper"),
    [
        (None, Form.TEXT, "", ""),
        ("Nguyễn", Form.TEXT, "Nguyễn", "Nguyen"),
        ("apprentice_1", Form.WORD, "Apprentice 1", "Apprentice 1"),
        (7500, Form.MONEY, "75.00", "$75.00"),
        (-123456, Form.MONEY, "-1234.56", "-$1,234.56"),
        (0, Form.NUMBER, "0", "0"),
        (-3, Form.NUMBER, "-3", "-3"),
        (Decimal("12.50"), Form.NUMBER, "12.5", "12.5"),
        (Decimal("100.00"), Form.NUMBER, "100", "100"),
        (date(2026, 7, 1), Form.DAY, "2026-07-01", "Jul 1, 2026"),
        (NOON, Form.MOMENT, "2026-07-01 12:30", "2026-07-01 12:30"),
        (NOON, Form.INSTANT, "2026-07-01 19:30:05", "2026-07-01 19:30:05"),
        ({"b": 1, "a": None}, Form.DATA, '{"a": null, "b": 1}', '{"a": null, "b": 1}'),
    ],
)
def test_values(value: object, form: Form, csv: str, paper: str) -> None:
    made: Cell = cell(value, form)
    assert guarded(made, form) == csv
    assert printed(made, form) == paper


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_a_spreadsheet_would_calculate_is_guarded(beginning: str) -> None:
    attack = f"{beginning}HYPERLINK(1)"
    assert guarded(cell(attack, Form.TEXT), Form.TEXT) == f"'{attack}"


def test_letters_without_a_shape_in_the_font_lose_accents_or_become_a_question_mark() -> None:
    assert printable("Łódź – Çelik € 漢") == "?ódz – Çelik € ?"
