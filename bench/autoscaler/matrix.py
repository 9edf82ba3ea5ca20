"""All runs of a matrix, resumable: every finished run is a line of a file, keyed by what was run and the code.

python -m bench.autoscaler.matrix smoke|headline|full|sensitivity|ablations [--seeds N] [--only POLICY], then `keep`
to put the runs where they are committed, and `report` to write the document from there. `keep --amend` leaves
committed runs that were not made again, for a change that touches one policy alone; the file then names both codes.
`tune` searches the baselines' grids anew. `make bench-autoscaler KIND=…` starts the first three; docs/testing.md.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.progress import Progress

from bench.autoscaler import kept, oracle
from bench.autoscaler.policies import ABLATIONS, POLICIES, evaluate, parameters, tune
from bench.autoscaler.scenarios import held_out
from ip2a_operator import domain, simulation
from ip2a_operator.simulation.scenario import Scenario

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "artifacts" / "autoscaler.jsonl"
HEADLINE = ("ours", "oracle", "fixed 12", "HPA cpu", "KEDA rps", "KPA", "HPA cpu + replicas")
SMOKE = ("step", "pool", "outage")
SMOKE_POLICIES = ("ours", "HPA cpu", "KEDA rps")
REPLICA_DELAYS = (21.0, 60.0, 600.0)
POD_DELAYS = (2.0, 15.0, 40.0)


FIRST_SEED = 11
"""The core was worked on with seeds 1 to 10; what is published starts here."""
READERS = ("report", "plots", "figures", "judge", "kept", "measure", "tick", "states", "cluster", "assumptions")
"""Modules that only look at results."""


@dataclass(frozen=True, slots=True)
class Task:
    """One run. `variant` changes a delay, as text `replica=60`."""

    scenario: str
    policy: str
    seed: int
    variant: str = ""


def digest() -> str:
    """Hash of all code that decides a result."""
    folders = [Path(domain.__path__[0]) / "autoscaling", Path(simulation.__path__[0]), Path(__file__).parent]
    sources = sorted(
        path for folder in folders for path in (*folder.glob("*.py"), *folder.glob("*.json"), *folder.glob("*.csv"))
    )
    skipped = {"matrix.py", "trace.py", "__init__.py"} | {f"{name}.py" for name in READERS}
    content = b"".join(path.read_bytes() for path in sources if path.name not in skipped)
    return hashlib.sha256(content).hexdigest()[:12]


def varied(scenario: Scenario, variant: str) -> Scenario:
    """The scenario with another delay."""
    if not variant:
        return scenario
    what, value = variant.split("=")
    platform, delay = scenario.platform, float(value)
    if what == "replica":
        return replace(scenario, platform=replace(platform, replica_delay=delay))
    return replace(scenario, platform=replace(platform, pod_delay=delay))


def perform(task: Task, key: str) -> dict[str, object]:
    """Run one task; a line of the results file."""
    scenario = varied(held_out()[task.scenario], task.variant)
    safety = (0, 0)
    if task.policy == "oracle":
        candidates = _searched(task, scenario, key)
        result = oracle.best_of(scenario, candidates, task.seed)
    else:
        result, safety = evaluate(task.policy, scenario, task.seed, parameters().get(task.policy, 0.0))
    return {
        "digest": key,
        "task": asdict(task),
        "result": asdict(result),
        "broken": safety[0],
        "staleDecreases": safety[1],
    }


def _searched(task: Task, scenario: Scenario, key: str) -> list[oracle.Margins]:
    """Plans of this scenario's search, kept on disk for the other seeds."""
    path = RESULTS.parent / f"oracle-{key}-{task.scenario}-{task.variant or 'headline'}.json".replace(" ", "_")
    if not path.exists():
        found = oracle.search(scenario, FIRST_SEED)[:2]
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps([asdict(each) for each in found]))
        partial.replace(path)
    return [oracle.Margins(**each) for each in json.loads(path.read_text())]


def tasks(kind: str, seeds: int) -> list[Task]:
    """The runs of a matrix, the cheap seeds first, so that an interrupted run is still a whole picture."""
    names = list(held_out())
    if kind == "smoke":
        return [Task(s, p, 1) for s in SMOKE for p in SMOKE_POLICIES]
    policies = {
        "headline": HEADLINE,
        "full": (*POLICIES, "oracle"),
        "ablations": tuple(ABLATIONS),
        "sensitivity": ("ours", "oracle", "HPA cpu + replicas"),
    }[kind]
    if kind != "sensitivity":
        return [Task(s, p, seed) for seed in range(FIRST_SEED, FIRST_SEED + seeds) for s in names for p in policies]
    variants = [*(f"replica={d:g}" for d in REPLICA_DELAYS), *(f"pod={d:g}" for d in POD_DELAYS)]
    affected = {"replica": ("db_read", "lag", "soft"), "pod": ("step", "ramp", "flash", "node-full")}
    return [
        Task(s, p, seed, v)
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
        for v in variants
        for s in affected[v.split("=")[0]]
        for p in policies
    ]


def finished(key: str, results: Path = RESULTS) -> Iterator[dict[str, object]]:
    """Lines of the results file made by the present code."""
    if results.exists():
        for text in results.read_text().splitlines():
            row = json.loads(text)
            if row["digest"] == key:
                yield row


def run(kind: str, seeds: int, workers: int, results: Path = RESULTS, only: str = "") -> None:
    """Do what is not yet done (of one policy, if it is named), with a progress bar; a whole headline set is timed."""
    results.parent.mkdir(exist_ok=True)
    key, began = digest(), time.monotonic()
    done = {json.dumps(row["task"], sort_keys=True) for row in finished(key, results)}
    wanted = [task for task in tasks(kind, seeds) if only in {"", task.policy}]
    left = [task for task in wanted if json.dumps(asdict(task), sort_keys=True) not in done]
    with Progress(disable=not sys.stderr.isatty()) as progress, results.open("a") as file:
        bar = progress.add_task(kind, total=len(left))
        with ProcessPoolExecutor(workers) as pool:
            for future in as_completed([pool.submit(perform, task, key) for task in left]):
                file.write(json.dumps(future.result(), sort_keys=True) + "\n")
                file.flush()
                progress.advance(bar)
    if kind == "headline" and not done and not only:
        results.with_name(f"autoscaler-{key}.minutes").write_text(f"{(time.monotonic() - began) / 60.0:.1f}")


def keep(*, amend: bool = False) -> None:
    """Put the finished runs of the present code where they are committed; to `amend` leaves those not made again.

    Raises ValueError without any.
    """
    key = digest()
    rows, timed = list(finished(key)), RESULTS.with_name(f"autoscaler-{key}.minutes")
    if not rows:
        raise ValueError(f"no runs of code {key} in {RESULTS.name}: run `python -m bench.autoscaler.matrix headline`")
    found = kept.Kept(key, float(timed.read_text()) if timed.exists() else None, rows)
    kept.write(kept.amended(kept.read(), found) if amend else found)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="simulated comparison of scaling policies")
    kinds = ["smoke", "headline", "full", "sensitivity", "ablations", "tune", "keep", "report"]
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("--only", default="", metavar="POLICY", help="run no other policy")
    parser.add_argument("--amend", action="store_true", help="keep: leave committed runs that were not made again")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if arguments.kind == "tune":
        print(json.dumps(tune(), indent=1))
    elif arguments.kind == "keep":
        keep(amend=arguments.amend)
    elif arguments.kind == "report":
        from bench.autoscaler.report import write  # noqa: PLC0415  # it imports this module

        write()
    else:
        run(arguments.kind, arguments.seeds, arguments.workers, only=arguments.only)
    if arguments.kind == "smoke":
        _show_smoke()


def _show_smoke() -> None:
    for row in finished(digest()):
        result = row["result"]
        assert isinstance(result, dict)
        if result["scenario"] in SMOKE and result["policy"] in SMOKE_POLICIES and result["seed"] == 1:
            print(
                f"{result['scenario']:<10} {result['policy']:<10} {result['violation_minutes']:5.1f} min over the "
                f"objective, cost {result['cost']:5.1f}, invariants broken {row['broken']}"
            )


if __name__ == "__main__":
    main()
