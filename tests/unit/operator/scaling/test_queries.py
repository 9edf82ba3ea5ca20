"""The question to Prometheus: one query, every part marked once, windows that follow the scrape interval."""

import pytest

from ip2a_operator.domain.scaling.queries import BY, batch, history, parts, window
from ip2a_operator.domain.scaling.readings import ALONE


@pytest.mark.parametrize(("interval", "seconds"), [(0.5, 4), (5.0, 20), (15.0, 60)])
def test_a_lost_scrape_is_no_gap(interval: float, seconds: int) -> None:
    assert window(interval) == seconds
    assert f"[{seconds}s]" in parts(interval)["offered"]
    assert f"< {3 * interval:g})" in parts(interval)["app.fresh"]


def test_every_part_is_in_the_one_query_once() -> None:
    question = batch(5.0)
    for name, text in parts(5.0).items():
        assert question.count(f'"signal", "{name}", "", ""') == 1
        assert text in question
    assert question.count("label_replace(") == len(parts(5.0))


def test_every_part_is_grouped_by_resource() -> None:
    for name, text in parts(5.0).items():
        assert BY in text or name in ALONE, name
        assert text.count("(") == text.count(")"), name


def test_history_is_by_slot() -> None:
    assert history(300).endswith("[300s]))")
