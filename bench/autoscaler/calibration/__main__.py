"""Command line: `measure [RUN…]` on a cluster that is up, then `fit`, then `judge`."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console

from bench.autoscaler.calibration import fit, judge
from bench.autoscaler.calibration.model import Figures, Fitted, simulated
from bench.autoscaler.calibration.plan import FITTING, HELD_OUT, runs
from bench.autoscaler.calibration.records import CPU, KEPT, background, kept
from bench.autoscaler.judge import MODEL


def measure(names: list[str]) -> None:
    """Make the named runs, or all, and keep them; the repeats in turns, so that none has a quieter hour."""
    from bench.autoscaler.calibration import reality  # noqa: PLC0415  # needs a cluster
    from tests.e2e.kubernetes import Kubernetes  # noqa: PLC0415

    wanted = [run for run in runs() if not names or run.name in names]
    kubernetes = Kubernetes.of_environment()
    KEPT.mkdir(exist_ok=True)
    with reality.stage(kubernetes):
        for turn in range(max(run.repeats for run in wanted)):
            for run in wanted:
                if turn < run.repeats:
                    found = reality.perform(kubernetes, run)
                    (KEPT / f"{run.name}-{turn}.json").write_text(json.dumps(found, separators=(", ", ": ")) + "\n")
                    print(run.name, turn, found["counted"], flush=True)


def fitting() -> None:
    """Fit, and keep what came of it with how far it is off on the runs it was fitted to."""
    seen = [(run, document) for run in runs() if run.purpose == FITTING for document in kept(run)]
    model = fit.fitted(seen, CPU, background())
    shown = {
        run.name: _both([fit.observed(run, document, background())], simulated(run, model)) for run, document in seen
    }
    _write({"fitted": {name: float(f"{value:.4g}") for name, value in asdict(model).items()}, "fitting": shown})
    _table(shown)


def judging() -> None:
    """Compare with the held-out runs, and keep the shares of the tolerances."""
    document = json.loads(MODEL.read_text())
    model, shown, found = Fitted(**document["fitted"]), {}, {}
    for run in (run for run in runs() if run.purpose == HELD_OUT):
        real = [fit.observed(run, each, background()) for each in kept(run)]
        made = simulated(run, model)
        shares = judge.shares(real, made)
        shown[run.name] = _both(real, made) | {"shares": shares}
        found[f"model_error/{run.name}"] = [shares["p95"], shares["throughput"]]
        found[f"model_pool_wait_error/{run.name}"] = [shares["wait"]]
    _write({"fitted": document["fitted"], "fitting": document["fitting"], "heldOut": shown, "figures": found})
    _table(shown)


def _both(real: list[Figures], made: Figures) -> dict[str, Any]:
    def rounded(figures: Figures) -> dict[str, float]:
        return {name: float(f"{value:.4g}") for name, value in asdict(figures).items()}

    return {"real": [rounded(each) for each in real], "model": rounded(made)}


def _write(document: Mapping[str, Any]) -> None:
    MODEL.write_text(json.dumps(document, indent=1) + "\n")


def _table(shown: Mapping[str, Any]) -> None:
    for name, both in shown.items():
        Console().print(
            name, *(f"\n  real  {each}" for each in both["real"]), f"\n  model {both['model']}", both.get("shares", "")
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.autoscaler.calibration", description=__doc__)
    parser.add_argument("what", choices=["measure", "fit", "judge"])
    parser.add_argument("runs", nargs="*", help="measure: only these runs")
    options = parser.parse_args()
    if options.what == "measure":
        measure(options.runs)
    elif options.what == "fit":
        fitting()
    else:
        judging()


if __name__ == "__main__":
    main()
