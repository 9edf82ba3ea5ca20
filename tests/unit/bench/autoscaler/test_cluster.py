"""Traces of the real cluster's tests become documents whose figures are computed from their own rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.autoscaler import cluster
from bench.autoscaler.judge import CLUSTER


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


def test_the_step_is_restored_when_it_holds_for_ten_seconds(tmp_path: Path) -> None:
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


def test_all_courses_against_the_hpa_or_none(tmp_path: Path) -> None:
    for name in cluster.COURSES:
        load(tmp_path / f"against-hpa-{name}-load.jsonl", range(31, 41) if name.endswith("ours") else range(31, 51))
        sizes(tmp_path / f"against-hpa-{name}-sizes.jsonl", 6)
    assert cluster.keep("", tmp_path, tmp_path) == ["against-hpa"]
    document = json.loads((tmp_path / "against-hpa.json").read_text())
    assert document["figures"] == {
        "real_restored/against_hpa": [11, 11, 11], "real_violations_vs_hpa": [0.5], "real_pod_seconds_vs_hpa": [1.0],
    }  # fmt: skip
    assert document["courses"]["0-ours"]["podSeconds"] == 2 * 79
    (tmp_path / "against-hpa-1-ours-load.jsonl").unlink()
    assert cluster.keep("", tmp_path, tmp_path) == []


@pytest.mark.parametrize("name", cluster.FIGURES)
def test_committed_figures_are_those_of_the_committed_rows(name: str) -> None:
    document = json.loads((CLUSTER / f"{name}.json").read_text())
    assert cluster.judged(name, document)["figures"] == document["figures"]
