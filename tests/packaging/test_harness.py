"""The measuring harness judges by bars.toml and nothing else, and documents hold what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import figures, harness
from bench.harness import Bar, Pair


def bar(comparison: harness.Comparison = "<=", threshold: float = 2, decided_by: str = "median") -> Bar:
    assert decided_by in {"median", "worst"}
    worst = decided_by == "worst"
    return Bar("some", "name", "s", comparison, threshold, "test", "meaning", "worst" if worst else "median")


@pytest.mark.parametrize("bench", ["devcluster", "operator", "app", "load", "autoscaler"])
def test_every_bar_in_the_file_is_whole(bench: str) -> None:
    found = harness.bars(bench)
    assert found
    for name, one in found.items():
        assert (one.bench, one.name) == (bench, name)
        assert one.source.startswith("issue ")
        assert one.meaning
        assert one.unit


def test_a_bar_with_a_wrong_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.toml"
    path.write_text('[some.name]\nunit = "s"\ncomparison = "=<"\nthreshold = 1\nsource = "x"\nmeaning = "x"\n')
    with pytest.raises(TypeError, match=r"\[some.name\]"):
        harness.bars("some", path)
    path.write_text('[some.name]\nunit = "s"\ntreshold = 1\n')
    with pytest.raises(TypeError, match="treshold"):
        harness.bars("some", path)


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        ("==", False, True, False),
        (">=", False, True, True),
        (">", False, False, True),
    ],
)
def test_comparisons(comparison: harness.Comparison, below: bool, at: bool, above: bool) -> None:
    one = bar(comparison)
    assert (one.holds(1.9), one.holds(2.0), one.holds(2.1)) == (below, at, above)


def test_the_median_decides_and_every_run_is_kept() -> None:
    row = harness.judged(bar(), [1.0, 9.0, 1.5], case="first")
    assert (row.name, row.value, row.holds, row.runs) == ("name/first", 1.5, True, (1.0, 9.0, 1.5))


@pytest.mark.parametrize(
    ("comparison", "runs", "worst"),
    [("<=", [1.0, 9.0, 1.5], 9.0), (">=", [3.0, 2.5, 9.0], 2.5), ("==", [2.0, 2.0, 1.0], 1.0)],
)
def test_the_worst_run_decides_where_the_bar_says_so(
    comparison: harness.Comparison, runs: list[float], worst: float
) -> None:
    assert harness.judged(bar(comparison, decided_by="worst"), runs).value == worst


def test_the_median_of_paired_ratios_decides_not_the_ratio_of_medians() -> None:
    pairs = [Pair(2, 1), Pair(30, 10), Pair(4, 100)]
    row = harness.judged_pairs(bar(">="), pairs)
    assert row.value == 2
    assert row.runs == tuple(pairs)


def test_nothing_measured_is_no_result() -> None:
    with pytest.raises(ValueError, match="no median"):
        harness.judged(bar(decided_by="worst"), [])


def test_pairs_alternate_who_goes_first() -> None:
    order: list[str] = []

    def ours() -> float:
        order.append("ours")
        return 1.0

    def theirs() -> float:
        order.append("theirs")
        return 2.0

    assert harness.alternate(ours, theirs, 3) == [Pair(1.0, 2.0)] * 3
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]


def test_a_result_names_machine_and_commit_and_holds_every_run(tmp_path: Path) -> None:
    rows = [harness.judged_pairs(bar(), [Pair(3.0, 2.0)]), harness.reported("fact", "MiB", [4.0])]
    written = json.loads(harness.write("some", rows, tmp_path).read_text())
    assert set(written) == {"machine", "commit", "rows"}
    assert "cores" in written["machine"]
    assert written["rows"] == [
        {
            "name": "name",
            "value": 1.5,
            "unit": "s",
            "bar": "≤ 2 s",
            "holds": True,
            "runs": [{"ours": 3.0, "theirs": 2.0}],
        },
        {"name": "fact", "value": 4.0, "unit": "MiB", "bar": None, "holds": None, "runs": [4.0]},
    ]


@pytest.mark.parametrize(("value", "shown"), [(0, "0"), (0.004123, "0.00412"), (75.34, "75.3"), (12345.6, "12346")])
def test_numbers_have_three_digits(value: float, shown: str) -> None:
    assert harness.number(value) == shown


def document(names: str, body: str = "") -> str:
    return f"before\n<!-- figures: some{names} -->\n{body}<!-- /figures -->\nafter\n"


@pytest.fixture(name="results")
def _results(tmp_path: Path) -> Path:
    harness.write("some", [harness.judged(bar(), [3.0]), harness.reported("fact", "MiB", [4.0])], tmp_path)
    return tmp_path


def test_a_block_shows_the_measured_rows_and_filling_twice_changes_nothing(results: Path) -> None:
    once = figures.filled(document(""), results)
    assert "| name | 3 s | ≤ 2 s | **no** |" in once
    assert "| fact | 4 MiB |  |  |" in once
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert figures.filled(once, results) == once


def test_a_figure_typed_into_a_block_is_replaced(results: Path) -> None:
    typed = document(" fact", "| fact | 1 MiB |\n")
    assert "| fact | 4 MiB |" in figures.filled(typed, results)
    assert "1 MiB" not in figures.filled(typed, results)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (document(" absent"), "no row absent"),
        (document("").replace("some", "never"), "no result never.json"),
        ("<!-- figures: some -->\n", "not closed"),
        ("<!-- figures: -->\n<!-- /figures -->\n", "not well formed"),
    ],
)
def test_a_block_that_cannot_be_filled_is_named(results: Path, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        figures.filled(text, results)
