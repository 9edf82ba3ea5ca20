"""Puts measured figures into documents, or says which are old: `python -m bench.figures [--check]`.

No figure is typed by hand. A document has a block
    <!-- figures: operator rss_500 rss_1 -->
    <!-- /figures -->
and this module fills it from bench/results/operator.json; without row names the block shows all rows.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from bench.harness import RESULTS, ROOT, number

BLOCK = re.compile(r"(<!-- figures: (\w+)((?: [\w./-]+)*) -->\n)(.*?)(<!-- /figures -->)", re.DOTALL)
OPENING = re.compile(r"^<!-- figures:", re.MULTILINE)


class Row(TypedDict):
    """As `harness.Row` is kept; the runs are not shown."""

    name: str
    value: float
    unit: str
    bar: str | None
    holds: bool | None


class Result(TypedDict):
    """One file of bench/results."""

    machine: str
    commit: str
    rows: list[Row]


def filled(text: str, directory: Path = RESULTS) -> str:
    """The document with every block filled anew.

    Raises ValueError for a block that is not closed, or that names a result or row there is none of.
    """
    if len(OPENING.findall(text)) != len(BLOCK.findall(text)):
        raise ValueError("a figures block is not well formed or not closed by <!-- /figures -->")
    return BLOCK.sub(lambda found: f"{found[1]}{_table(found[2], found[3].split(), directory)}{found[5]}", text)


def documents() -> Iterator[Path]:
    """Every document that may hold figures."""
    yield from sorted(ROOT.glob("*.md"))
    yield from sorted((ROOT / "docs").rglob("*.md"))


def _table(bench: str, names: list[str], directory: Path) -> str:
    path = directory / f"{bench}.json"
    if not path.exists():
        raise ValueError(f"no result {path.name}; remedy: python -m bench {bench}")
    result: Result = json.loads(path.read_text())
    rows = {row["name"]: row for row in result["rows"]}
    if missing := [name for name in names if name not in rows]:
        raise ValueError(f"{path.name} has no row {', '.join(missing)}")
    lines = [_line(rows[name]) for name in names or rows]
    source = f"Measured at {result['commit']} on {result['machine']}; `python -m bench {bench}` measures again."
    return "\n".join(["| figure | measured | bar | holds |", "|---|---|---|---|", *lines, "", source, ""])


def _line(row: Row) -> str:
    verdict = {True: "yes", False: "**no**", None: ""}[row["holds"]]
    return f"| {row['name']} | {number(row['value'])} {row['unit']} | {row['bar'] or ''} | {verdict} |"


def main(arguments: list[str]) -> int:
    """Exit code 0 when all is written or current, 1 when a document is old or a block cannot be filled."""
    parser = argparse.ArgumentParser(prog="python -m bench.figures", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; name the old documents and exit 1")
    check = parser.parse_args(arguments).check
    problems = []
    for path in documents():
        name = path.relative_to(ROOT)
        text = path.read_text()
        try:
            right = filled(text)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            continue
        if right != text and check:
            problems.append(f"{name}: its figures are not the measured ones; remedy: make generate")
        elif right != text:
            path.write_text(right)
            print(f"wrote {name}")
    print("\n".join(problems), end="\n" if problems else "")
    return int(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
