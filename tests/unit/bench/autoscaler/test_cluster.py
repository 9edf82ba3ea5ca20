"""Traces of the real cluster's tests become documents whose figures are computed from their own rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.autoscaler import cluster
from bench.autoscaler.judge import CLUSTER
from tests.e2e import test_4_against_rivals as against
from tests.e2e.scaled import restored_after


def lines(path: Path, rows: list[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def load(path: Path, late: Sequence[int]) -> None:
    """A hundred requests a second for 80 s, all of them late in some seconds."""
    seconds = range(80)
    lines(
        path,
        [
            {"second": at, "at": 1000.0 + at, "asked": 100, "failed": 0, "late": 100 * (at in late), "p95": 0.1}
            for at in seconds
        ],
    )


def sizes(path: Path, pods: int, rw: tuple[int, ...] = (8,)) -> None:
    """One pod more each ten seconds up to so many; the pool as told."""
    rows = [
        {"at": 1000 + at, "connections": 5, "app": min(pods, 2 + at // 10), "ready": 2, "rw": rw[min(at, len(rw) - 1)]}
        for at in range(80)
    ]
    lines(path, rows)


@pytest.mark.parametrize(
    ("late", "restored"),
    [
        ([], 0),
        ([12], 0),
        ([16], 2),
        ([30, 31], 17),  # the good seconds before it do not count
        ([16, 30, 47, 48], 34),  # nor do a few between
        ([16, 47], 2),  # half a good minute does
        ([16, 30, 60], 10_000),  # too late to know
    ],
)
def test_restored_is_when_it_holds_for_half_a_minute(tmp_path: Path, late: Sequence[int], restored: int) -> None:
    load(tmp_path / "some-load.jsonl", late)
    rows = [json.loads(line) for line in (tmp_path / "some-load.jsonl").read_text().splitlines()]
    assert restored_after(rows, 15) == restored


def test_the_figures_are_those_of_the_trace(tmp_path: Path) -> None:
    load(tmp_path / "step-load.jsonl", [16, *range(30, 33)])
    sizes(tmp_path / "step-sizes.jsonl", 6)
    assert cluster.keep("quiet", tmp_path, tmp_path) == ["step"]
    document = json.loads((tmp_path / "step.json").read_text())
    assert document["figures"] == {"real_restored/step": [18]}
    assert document["note"] == "quiet"
    assert cluster.table(document, "sizes")[79] == {"second": 79, "connections": 5, "app": 6, "ready": 2, "rw": 8}


def test_the_pool_is_restored_with_the_last_bad_write(tmp_path: Path) -> None:
    sizes(tmp_path / "pool-sizes.jsonl", 2, rw=(8, 8, 8, 1, 25))
    writes = [[1001.0, 9.0, 201], [1003.5, 0.1, 201], [1009.5, 0.6, 201], [1012.0, 0.1, 503], [1020.0, 0.1, 409]]
    lines(tmp_path / "pool-writes.jsonl", writes)
    cluster.keep("", tmp_path, tmp_path)
    assert json.loads((tmp_path / "pool.json").read_text())["figures"] == {"real_pool_restored": [10.0]}


def course(folder: Path, name: str, late: Sequence[int]) -> None:
    load(folder / f"against-rivals-{name}-load.jsonl", late)
    sizes(folder / f"against-rivals-{name}-sizes.jsonl", 6)


def test_each_stands_first_second_and_last_once() -> None:
    assert all(len(set(place)) == 3 for place in zip(*against.TURNS, strict=True))


@pytest.mark.parametrize(("name", "seconds", "ratio"), [("against-hpa", 20, 0.5), ("against-keda", 40, 0.25)])
def test_all_courses_against_a_rival_or_none(tmp_path: Path, name: str, seconds: int, ratio: float) -> None:
    """A run without the other rival is whole too."""
    for each in cluster.courses_of(name):
        course(tmp_path, each, range(31, 41 if each.endswith("ours") else 31 + seconds))
    assert cluster.keep("", tmp_path, tmp_path) == [name]
    document, short = json.loads((tmp_path / f"{name}.json").read_text()), name.removeprefix("against-")
    assert document["figures"] == {
        f"real_restored/against_{short}": [11, 11, 11],
        f"real_violations_vs_{short}": [ratio],
        f"real_pod_seconds_vs_{short}": [1.0],
    }
    assert document["courses"]["0-ours"]["podSeconds"] == 2 * 79
    assert len(document["courses"]) == 6
    other = "keda" if short == "hpa" else "hpa"
    assert cluster.unmeasured(tmp_path) == {f"real_violations_vs_{other}", f"real_pod_seconds_vs_{other}"}
    (tmp_path / "against-rivals-1-ours-load.jsonl").unlink()
    assert cluster.keep("", tmp_path, tmp_path) == []


def test_ours_courses_are_those_of_the_same_run_in_both_documents(tmp_path: Path) -> None:
    for number, turn in enumerate(against.TURNS):
        for policy in turn:
            course(tmp_path, f"{number}-{policy}", range(31, 41 + number))
    assert cluster.keep("", tmp_path, tmp_path) == ["against-hpa", "against-keda"]
    hpa, keda = (json.loads((tmp_path / f"against-{rival}.json").read_text()) for rival in ("hpa", "keda"))
    assert [hpa["courses"][f"{turn}-ours"] for turn in range(3)] == [
        keda["courses"][f"{turn}-ours"] for turn in range(3)
    ]
    assert [keda["courses"][f"{turn}-keda-rps"]["violationSeconds"] for turn in range(3)] == [10, 11, 12]


@pytest.mark.parametrize("name", [name for name in cluster.FIGURES if (CLUSTER / f"{name}.json").exists()])
def test_committed_figures_are_those_of_the_committed_rows(name: str) -> None:
    document = json.loads((CLUSTER / f"{name}.json").read_text())
    assert cluster.judged(name, document)["figures"] == document["figures"]
