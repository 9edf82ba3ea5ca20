"""What the real cluster's tests left behind, to be committed: `python -m bench.autoscaler.cluster keep [NOTE]`.

The traces are those of tests/e2e/test_4_autoscaler.py and test_4_against_rivals.py. Every `real_…` figure is computed
from the rows that are kept beside it; nothing is put in by hand.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench import harness
from bench.autoscaler.judge import CLUSTER
from tests.e2e import test_4_against_rivals as against
from tests.e2e.scaled import TRACES, restored_after, violations

STEP = 15
"""Second of the step in test_4_autoscaler.py."""
COURSE = against.COURSE
RIVALS = {"against-hpa": against.HPA, "against-keda": against.KEDA}
"""Documents about a rival: ours' courses and its own, of the same run. Ours stand in each, to be read alone."""
Document = dict[str, Any]
Rows = list[dict[str, Any]]
Figures = dict[str, list[float]]


def table(document: Document, name: str) -> Rows:
    """Rows of a document by their columns; `load/0-ours` has the columns of `load`."""
    columns = document[f"{name.partition('/')[0]}Columns"]
    return [dict(zip(columns, row, strict=True)) for row in document[name]]


def step(document: Document) -> Figures:
    """Seconds from the step until the objective held for ten."""
    return {"real_restored/step": [restored_after(table(document, "load"), STEP)]}


def pool(document: Document) -> Figures:
    """Seconds from the last look before the pool shrank to the last write that failed or took over half a second."""
    sizes, writes = table(document, "sizes"), table(document, "writes")
    small = next(index for index in range(1, len(sizes)) if sizes[index]["rw"] < sizes[index - 1]["rw"])
    began = sizes[small - 1]["second"]
    bad = [row["second"] - began for row in writes if row["second"] >= began and not _good(row)]
    return {"real_pool_restored": [round(max(bad, default=0.0), 1)]}


def _good(write: Mapping[str, Any]) -> bool:
    return bool(write["good"] and write["seconds"] <= 0.5)


def courses_of(name: str) -> tuple[str, ...]:
    """Turn and policy of the courses in a document about a rival, as they were run."""
    both = (against.OURS, RIVALS[name])
    return tuple(f"{turn}-{policy}" for turn, row in enumerate(against.TURNS) for policy in row if policy in both)


def course(document: Document, name: str) -> dict[str, int]:
    """One course against a rival: what it cost whom."""
    load, sizes = table(document, f"load/{name}"), table(document, f"sizes/{name}")
    after = [row for row in sizes if row["second"] >= COURSE.step]
    first = next((row["second"] for row in after if row["app"] > against.POD_MIN), None)
    return {
        "violationSeconds": len(violations(load, COURSE.step)),
        "podSeconds": sum(before["ready"] * (later["second"] - before["second"]) for before, later in pairwise(sizes)),
        "restoredAfter": restored_after(load, COURSE.step),
        "firstScaleUpAfter": -1 if first is None else first - COURSE.step,
        "podsBefore": after[0]["app"],
        "failed": sum(row["failed"] for row in load),
        "most": max(row["app"] for row in sizes),
    }


def courses(document: Document, name: str) -> dict[str, dict[str, int]]:
    """All of a document's courses, by turn and policy."""
    return {each: course(document, each) for each in courses_of(name)}


def rivals(document: Document, name: str) -> Figures:
    """Ours against the rival of a document, over all courses."""
    found, short = courses(document, name), name.removeprefix("against-")

    def of(policy: str, figure: str) -> list[float]:
        return [each[figure] for turn, each in found.items() if turn.endswith(policy)]

    def ratio(figure: str) -> float:
        return round(sum(of(against.OURS, figure)) / max(1, sum(of(RIVALS[name], figure))), 3)

    return {
        f"real_restored/against_{short}": of(against.OURS, "restoredAfter"),
        f"real_violations_vs_{short}": [ratio("violationSeconds")],
        f"real_pod_seconds_vs_{short}": [ratio("podSeconds")],
    }


def unmeasured(kept: Path = CLUSTER) -> set[str]:
    """Bars about rivals against which no run has been kept."""
    names = [name.removeprefix("against-") for name in RIVALS if not (kept / f"{name}.json").exists()]
    return {f"real_{figure}_vs_{name}" for name in names for figure in ("violations", "pod_seconds")}


FIGURES: Mapping[str, Callable[[Document], Figures]] = {
    "step": step,
    "pool": pool,
    **{name: partial(rivals, name=name) for name in RIVALS},
}
AGAINST = (
    f"{COURSE.before} to {COURSE.after} requests/s for {against.PATH} at second {COURSE.step} of {COURSE.length}; from "
    f"{against.POD_MIN} pods, at most {against.POD_MAX}, request and limit 150m; the scaler let loose at second "
    f"{against.TAKE_OVER}; in turns; ours in Auto"
)
WHAT = {
    "step": "60 to 360 requests/s at once at second 15, mode Auto, two pods of 150m at the start",
    "drain": "30 requests/s after the step: the pods go again",
    "pool": "the writing pool made 1 by hand under 30 clients of pgbench (30 ms each) through the pooler, while "
    "members pay through the ingress, four a second",
    "cache": "Redis flushed again and again from second 60 to 100 while members read their profiles, 60 a second",
    "dark": "300 requests/s for 300 s; Prometheus taken away for 180 s once pods had grown",
    "killed": "the writing pool made 1, 3, 2 by hand under 12 clients; the operator killed after each; connections "
    "counted every second",
    "killed-replica": "a replica asked for under 12 clients of pgbench for 240 s, then taken back under 40 requests/s; "
    "the operator killed after each was asked for, begun and done; connections counted every second",
    "against-hpa": f"{AGAINST}; a HorizontalPodAutoscaler at 40 % of the limit (its best by the grid)",
    "against-keda": f"{AGAINST}; KEDA at {against.REQUESTS_PER_POD} requests/s a pod (40 % of the limit)",
}
"""Documents, and what was done in each."""


def gathered(name: str, traces: Path = TRACES) -> Document | None:
    """The traces of one document; None if one of them is missing."""
    runs = {f"/{each}": f"against-rivals-{each}" for each in courses_of(name)} if name in RIVALS else {"": name}
    found: Document = {}
    for suffix, run in runs.items():
        kinds = {kind: _trace(traces / f"{run}-{kind}.jsonl") for kind in ("load", "sizes", "writes")}
        if not kinds["sizes"] or (name in FIGURES and not kinds["load"] and not kinds["writes"]):
            return None
        began = (kinds["load"] or kinds["sizes"])[0]["at"]
        for kind, rows in kinds.items():
            if rows:
                columns = ["second", *(key for key in rows[0] if key not in {"at", "second"})]
                found[f"{kind}Columns"] = columns
                found[f"{kind}{suffix}"] = [[_second(row, began), *(row[key] for key in columns[1:])] for row in rows]
    return found


def _second(row: Mapping[str, Any], began: float) -> float:
    """Load says its second itself, writes have fractions, sizes are whole."""
    second = float(row.get("second", row["at"] - began))
    return round(second, 1) if isinstance(row["at"], float) and "second" not in row else int(second)


def _trace(path: Path) -> Rows:
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    if rows and isinstance(rows[0], list):  # a write is (begun, seconds, status)
        return [{"at": at, "seconds": round(spent, 3), "good": status < 500} for at, spent, status in rows]
    return rows


def judged(name: str, document: Document) -> Document:
    """The document with its figures computed from its rows."""
    if name not in FIGURES:
        return document
    shown = {"courses": courses(document, name)} if name in RIVALS else {}
    return {**document, **shown, "figures": FIGURES[name](document)}


def text(document: Document) -> str:
    """JSON with one row of a table a line."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], list):
            shown = "[\n  " + ",\n  ".join(json.dumps(row) for row in value) + "\n ]"
        else:
            shown = json.dumps(value, ensure_ascii=False)
        parts.append(f" {json.dumps(key)}: {shown}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def keep(note: str = "", traces: Path = TRACES, kept: Path = CLUSTER) -> list[str]:
    """Put whole traces where they are committed, and compute all figures that are there; names of what is new."""
    new = []
    for name, what in WHAT.items():
        path = kept / f"{name}.json"
        found = gathered(name, traces)
        if found is not None:
            new.append(name)
            found = {"what": what, "machine": f"{harness.machine()}; embedded cluster", "note": note, **found}
        elif path.exists():
            found = json.loads(path.read_text())
        if found is not None:
            path.write_text(text(judged(name, found)))
    return new


def main(arguments: Sequence[str]) -> None:
    """Command line."""
    if not arguments or arguments[0] != "keep" or len(arguments) > 2:
        raise SystemExit("usage: python -m bench.autoscaler.cluster keep [NOTE]")
    print("new:", ", ".join(keep("".join(arguments[1:]))) or "nothing; figures computed again from what is kept")


if __name__ == "__main__":
    main(sys.argv[1:])
