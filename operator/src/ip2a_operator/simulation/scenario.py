"""A scenario: how many people, what breaks when, what the world looks like at the start."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ip2a_operator.domain.autoscaling.spec import Schedule
from ip2a_operator.simulation.model import Platform, World
from ip2a_operator.simulation.observe import Trouble
from ip2a_operator.simulation.traffic import UsersAt

Fault = Callable[[World, int], None]


def no_fault(world: World, second: int) -> None:
    """Nothing breaks."""
    del world, second


@dataclass(frozen=True, slots=True)
class Scenario:
    """`fault` is called every second before it passes; `dead` is when the scaler itself is down,
    and back without its memory afterwards."""

    name: str
    length: int
    users: UsersAt
    fault: Fault = no_fault
    pods: int = 3
    replicas: int = 1
    pool: int = 12
    """default_pool_size of both poolers at the start; each has two PgBouncer pods."""
    platform: Platform = field(default_factory=Platform)
    trouble: Trouble = field(default_factory=Trouble)
    dead: tuple[int, int] = (0, 0)
    schedules: tuple[Schedule, ...] = ()
    max_pods: int = 40
