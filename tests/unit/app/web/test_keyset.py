from datetime import UTC, date, datetime

import pytest

from ip2a.web.keyset import encode, read_day_id, read_text_id, read_time_id
from ip2a.web.problems import Problem


def test_cursors_survive_the_round_trip() -> None:
    moment = datetime(2026, 11, 22, 8, 30, 0, 123456, tzinfo=UTC)
    assert read_time_id(encode(moment.isoformat(), 7)) == (moment, 7)
    assert read_day_id(encode(date(2026, 1, 2), 2**40)) == (date(2026, 1, 2), 2**40)
    assert read_text_id(encode("Smith~Jr ~", 1)) == ("Smith~Jr ~", 1)


@pytest.mark.parametrize("cursor", ["", "x", "~", "a~", "a~-1", "a~1.5", "a~²", "a~" + "9" * 40])
def test_made_up_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(Problem, match="earlier page"):
        read_text_id(cursor)


@pytest.mark.parametrize("cursor", ["2026-13-01~1", "2026-01-01T00:00:00~1", "yesterday~1"])
def test_times_need_a_zone_and_a_date(cursor: str) -> None:
    with pytest.raises(Problem, match="earlier page"):
        read_time_id(cursor)
