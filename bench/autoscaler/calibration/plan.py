"""Runs of the calibration as planned: equal seeds give equal arrivals, in reality and in the model."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.load import Due, planned

PLAN = Path(__file__).parent / "plan.toml"
FITTING, HELD_OUT = "fitting", "held-out"


@dataclass(frozen=True, slots=True)
class Run:
    """A fixed number of pods, fixed pools, Poisson arrivals. Rates are requests a second from a second on."""

    name: str
    purpose: str
    pods: int
    pool_write: int
    pool_read: int
    rates: tuple[tuple[float, float], ...]
    seconds: int
    mix: dict[str, float]
    seed: int
    repeats: int = 1

    def arrivals(self) -> list[Due]:
        """What is asked when."""
        return planned(self.rates, self.seconds, self.mix, self.seed)


def runs(path: Path = PLAN) -> list[Run]:
    """All planned runs. Raises ValueError when a purpose is neither fitting nor held-out, or a seed is used twice."""
    found = [_run(name, table) for name, table in tomllib.loads(path.read_text())["runs"].items()]
    if any(run.purpose not in {FITTING, HELD_OUT} for run in found):
        raise ValueError(f"purpose is {FITTING} or {HELD_OUT}")
    if len({run.seed for run in found}) != len(found):
        raise ValueError("every run has a seed of its own")
    return found


def _run(name: str, table: dict[str, object]) -> Run:
    rates = table.pop("rates")
    assert isinstance(rates, list)
    return Run(name=name, rates=tuple((float(start), float(rate)) for start, rate in rates), **table)  # type: ignore[arg-type]
