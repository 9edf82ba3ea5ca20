import pytest

from ip2a.grants.rules import retention, utilisation


@pytest.mark.parametrize(("enrolled", "gone", "share"), [(0, 0, None), (40, 0, 1.0), (40, 10, 0.75), (3, 3, 0.0)])
def test_retention_is_who_stayed_of_all_who_enrolled(enrolled: int, gone: int, share: float | None) -> None:
    assert retention(enrolled, gone) == share


@pytest.mark.parametrize(
    ("spent", "total", "share"), [(0, 100, 0.0), (350, 1_000, 0.35), (150, 100, 1.5), (5, 0, None)]
)
def test_utilisation_is_what_is_spent_of_all(spent: int, total: int, share: float | None) -> None:
    assert utilisation(spent, total) == share
