"""A user's trace: what is read, what is refused, what comes out."""

from pathlib import Path

import pytest

from ip2a_operator.domain.autoscaling.codec import decode
from ip2a_operator.domain.autoscaling.spec import ScalerSpec
from ip2a_operator.simulation.trace import plot, read_trace, simulate, summary


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text)
    return path


def test_trace_is_played_and_explained(tmp_path: Path) -> None:
    path = written(tmp_path, "second,users\n0,400\n200,400\n210,2400\n400,2400\n")
    spec = decode(ScalerSpec, {"mode": "Recommend", "app": {"max": 20}})
    simulated = simulate(path, spec)
    text = summary(simulated)
    assert "app 2 → " in text or "app 3 → " in text
    assert simulated.result.requests > 100_000
    plot(simulated, tmp_path / "mine.png")
    assert (tmp_path / "mine.png").read_bytes()[:4] == b"\x89PNG"


def test_requests_and_dates_are_understood(tmp_path: Path) -> None:
    path = written(tmp_path, "time,rps\n2026-01-01T00:00:00,10\n2026-01-01T00:01:00,20\n")
    users, length = read_trace(path, think=4.0)
    assert length == 60
    assert users(30.0) == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", "header and two or more lines"),
        ("s,users\n0,1\nx,2\n", "line 3"),
        ("s,users\n0,1\n0,2\n", "times must increase"),
        ("s,users\n0,1\n99999999,2\n", "longer than a day"),
    ],
)
def test_bad_traces_are_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_trace(written(tmp_path, text), 4.0)
