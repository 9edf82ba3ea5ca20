"""The runs that the document and the bars rest on, as they are committed: one line a run, with the code's hash."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.autoscaler.figures import Row
from bench.harness import RESULTS

KEPT = RESULTS / "autoscaler-runs.csv"
TASK = ("scenario", "policy", "seed", "variant")
FIGURES = {
    "violation_minutes": 2, "strict_violation_minutes": 2, "dropped": 7, "cost": 4, "pod_hours": 4,
    "replica_hours": 4, "reversals": 0, "starts": 0, "requests": 0,
}  # fmt: skip
"""Digits kept of each."""
SAFETY = ("broken", "staleDecreases")


@dataclass(frozen=True, slots=True)
class Kept:
    """`minutes` is what the headline set took; None when it was never made in one go."""

    code: str
    minutes: float | None
    rows: list[Row]


def write(kept: Kept, path: Path = KEPT) -> None:
    """All runs, sorted."""
    with path.open("w", newline="") as file:
        file.write(f"# code {kept.code}; headline {'' if kept.minutes is None else f'{kept.minutes:.1f}'} min\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*TASK, *FIGURES, *SAFETY))
        writer.writerows(sorted(_line(row) for row in kept.rows))


def amended(earlier: Kept, found: Kept) -> Kept:
    """What was found, and of the earlier runs those that were not made again; both codes are named."""
    again = {tuple(_task(row).values()) for row in found.rows}
    rest = [row for row in earlier.rows if tuple(_task(row).values()) not in again]
    policies = sorted({str(_task(row)["policy"]) for row in found.rows})
    code = f"{found.code} ({', '.join(policies)}), {earlier.code} (the rest)"
    return Kept(code, found.minutes or earlier.minutes, [*found.rows, *rest])


def _task(row: Row) -> dict[str, object]:
    task = row["task"]
    assert isinstance(task, dict)
    return {name: task[name] for name in TASK}


def _line(row: Row) -> tuple[object, ...]:
    task, result = row["task"], row["result"]
    assert isinstance(task, dict)
    assert isinstance(result, dict)
    figures = [f"{result[name]:.{digits}f}" for name, digits in FIGURES.items()]
    return (*(task[name] for name in TASK), *figures, *(row[name] for name in SAFETY))


def read(path: Path = KEPT) -> Kept:
    """The kept runs; without any when there is no file."""
    if not path.exists():
        return Kept("none", None, [])
    with path.open(newline="") as file:
        code, _, minutes = file.readline().removeprefix("# code ").removesuffix(" min\n").partition("; headline ")
        lines: Sequence[dict[str, str]] = list(csv.DictReader(file))
    return Kept(code, float(minutes) if minutes else None, [_row(line) for line in lines])


def _row(line: dict[str, str]) -> Row:
    task = {name: line[name] for name in TASK} | {"seed": int(line["seed"])}
    result = {name: float(line[name]) for name in FIGURES}
    return {"task": task, "result": result, **{name: int(line[name]) for name in SAFETY}}
