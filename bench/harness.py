"""Shared by every measurement: what the bars are, which run decides, and how results are kept.

A bench measures and hands over every raw run, it never judges: thresholds stand in bars.toml, nowhere else.
"""

from __future__ import annotations

import json
import operator
import os
import platform
import statistics
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
BARS = Path(__file__).with_name("bars.toml")
RESULTS = Path(__file__).with_name("results")

Comparison = Literal["<", "<=", "==", ">=", ">"]
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
_SIGNS = {"<": "<", "<=": "≤", "==": "=", ">=": "≥", ">": ">"}


@dataclass(frozen=True)
class Bar:
    """What must hold. `meaning` says what is measured, `source` who asked for it."""

    bench: str
    name: str
    unit: str
    comparison: Comparison
    threshold: float
    source: str
    meaning: str
    decided_by: Literal["median", "worst"] = "median"

    def __str__(self) -> str:
        return f"{_SIGNS[self.comparison]} {self.threshold:g} {self.unit}"

    def holds(self, value: float) -> bool:
        return _HOLDS[self.comparison](value, self.threshold)

    def decide(self, values: Sequence[float]) -> float:
        """The one value that is compared. Raises StatisticsError when nothing was measured."""
        if self.decided_by == "median" or not values:
            return statistics.median(values)
        return max(values, key=self._badness)

    def _badness(self, value: float) -> float:
        if self.comparison in {">", ">="}:
            return -value
        return abs(value - self.threshold) if self.comparison == "==" else value


@dataclass(frozen=True)
class Pair:
    """Two measurements made one after the other, in the same unit."""

    ours: float
    theirs: float


Run: TypeAlias = float | Pair


@dataclass(frozen=True)
class Row:
    """One line of a result. `bar` and `holds` are None for what is only reported."""

    name: str
    value: float
    unit: str
    bar: str | None
    holds: bool | None
    runs: tuple[Run, ...]


def bars(bench: str, path: Path = BARS) -> dict[str, Bar]:
    """The bars of one bench by name. Raises KeyError when it has none, TypeError for a wrong field."""
    with path.open("rb") as file:
        sections = tomllib.load(file)
    found = {name: Bar(bench=bench, name=name, **fields) for name, fields in sections[bench].items()}
    for bar in found.values():
        if bar.comparison not in _HOLDS or bar.decided_by not in {"median", "worst"}:
            raise TypeError(f"{path.name}: [{bench}.{bar.name}] has a wrong comparison or decided_by")
    return found


def judged(bar: Bar, runs: Iterable[float], case: str = "") -> Row:
    """A row from the runs of one measurement; `case` tells apart rows under one bar, as scenarios."""
    kept = tuple(runs)
    return _row(bar, kept, kept, case)


def judged_pairs(bar: Bar, pairs: Iterable[Pair], case: str = "") -> Row:
    """A row from paired measurements: the ratio ours / theirs of each pair is one value."""
    kept = tuple(pairs)
    return _row(bar, [pair.ours / pair.theirs for pair in kept], kept, case)


def reported(name: str, unit: str, runs: Iterable[float]) -> Row:
    """A row without a bar; its value is the median."""
    kept = tuple(runs)
    return Row(name, statistics.median(kept), unit, None, None, kept)


def alternate(ours: Callable[[], float], theirs: Callable[[], float], pairs: int) -> list[Pair]:
    """Measures both `pairs` times, each going first in every other pair, so that a drift hits both alike."""
    measured = []
    for index in range(pairs):
        if index % 2 == 0:
            our_value = ours()
            their_value = theirs()
        else:
            their_value = theirs()
            our_value = ours()
        measured.append(Pair(our_value, their_value))
    return measured


def write(bench: str, rows: Sequence[Row], directory: Path = RESULTS) -> Path:
    """Keeps a result as NAME.json, in one rename so that a reader never sees half of it."""
    result = {"machine": machine(), "commit": commit(), "rows": [asdict(row) for row in rows]}
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / f"{bench}.json"
    draft = target.with_suffix(".tmp")
    draft.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    draft.rename(target)
    return target


def show(title: str, rows: Iterable[Row]) -> None:
    """Prints the table."""
    table = Table(title=title, title_justify="left")
    for column, justify in (
        ("name", "left"),
        ("value", "right"),
        ("bar", "left"),
        ("holds", "left"),
        ("runs", "right"),
    ):
        table.add_column(column, justify="right" if justify == "right" else "left")
    for row in rows:
        verdict = {True: "[green]yes[/green]", False: "[red]NO[/red]", None: ""}[row.holds]
        table.add_row(row.name, f"{number(row.value)} {row.unit}", row.bar or "", verdict, str(len(row.runs)))
    Console().print(table)


def number(value: float) -> str:
    """Three significant digits, no exponent: 0.00412, 75.3, 1230."""
    if value == 0 or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"


def machine() -> str:
    """What ran it: processor, cores, memory, kernel. No name or address of the machine."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}"


def commit() -> str:
    """The checkout's commit, with `-dirty` when files differ from it."""
    run = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return run.stdout.strip()


def _row(bar: Bar, values: Sequence[float], runs: tuple[Run, ...], case: str) -> Row:
    value = bar.decide(values)
    name = f"{bar.name}/{case}" if case else bar.name
    return Row(name, value, bar.unit, str(bar), bar.holds(value), runs)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
