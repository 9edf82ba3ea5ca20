"""`ip2a status` and `ip2a explain`: how a resource is and why, as values that any output format can show."""

from dataclasses import dataclass, field

from ip2a_operator.api.conditions import ConditionType
from ip2a_operator.cli.gather import View
from ip2a_operator.domain.capacity import REQUESTS_PER_POD, SECONDS_BETWEEN_REQUESTS, Sizes
from ip2a_operator.domain.facts import Facts, facts
from ip2a_operator.domain.plan import make_stack
from ip2a_operator.domain.resource import Resource, parse
from ip2a_operator.domain.stack import Stack

_GOOD_WHEN_FALSE = {ConditionType.DEGRADED, ConditionType.PAUSED, ConditionType.PROGRESSING}


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the tree: a part, whether it is well, and what there is to say."""

    name: str
    well: bool
    detail: str
    parts: tuple["Item", ...] = field(default=())


def tree(view: View) -> Item:
    """The resource, its conditions and its parts."""
    resource, stack, seen = _read(view)
    conditions = tuple(
        Item(
            condition.type,
            (condition.status == "True") != (condition.type in _GOOD_WHEN_FALSE),
            f"{condition.status} ({condition.reason}) {condition.message}".strip(),
        )
        for condition in resource.conditions
    )
    ready = next((item for item in conditions if item.name == ConditionType.READY), None)
    root = f"{stack.url}  {ready.detail}" if ready else "not reconciled yet"
    parts = (Item("conditions", all(item.well for item in conditions), "", conditions), *_parts(stack, seen))
    return Item(str(view.key), ready is not None and ready.well, root, parts)


def _parts(stack: Stack, seen: Facts) -> list[Item]:
    found = [Item(f"app {stack.app}", seen.app.rolled_out, f"{seen.app.ready}/{seen.app.wanted} pods")]
    if seen.worker.exists:
        found.append(
            Item(f"worker {stack.worker}", seen.worker.rolled_out, f"{seen.worker.ready}/{seen.worker.wanted} pods")
        )
    if stack.resource.spec.database.external is None:
        counts = f"{seen.database.ready}/{seen.database.wanted} instances, primary {seen.database.primary or '-'}"
        whole = seen.database.serves and seen.database.ready >= seen.database.wanted
        found.append(Item(f"database {stack.database}", whole, f"{counts}; {seen.database.phase}"))
    found += [Item(f"pooler {name}", serves, "") for name, serves in seen.poolers.items()]
    if seen.cache.exists:
        found.append(Item(f"cache {stack.redis}", seen.cache.ready > 0, f"{seen.cache.ready}/{seen.cache.wanted} pods"))
    if stack.migration_command:
        state = "done" if seen.migration.succeeded else "failed" if seen.migration.failed else "not done"
        found.append(Item(f"migration {stack.migration}", seen.migration.succeeded, state))
    return found


def explanation(view: View) -> list[str]:
    """Why it is not ready, and why it has these sizes."""
    resource, stack, seen = _read(view)
    lines = [
        f"{condition.type} is {condition.status}: {condition.reason}. {condition.message}"
        for condition in resource.conditions
        if (condition.status == "True") == (condition.type in _GOOD_WHEN_FALSE)
    ] or ["Everything is as specified."]
    for problem in (seen.migration_problem, *seen.pod_problems):
        if problem is not None:
            lines.append(f"Pod {problem.pod}: {problem.reason}. {problem.message}")
    return [*lines, *_sizes(resource, stack.sizes), f"Connections: {stack.ledger.arithmetic}"]


def _sizes(resource: Resource, sizes: Sizes) -> list[str]:
    def origin(*, given: bool) -> str:
        return "given in the spec" if given else "derived from users"

    spec = resource.spec
    rate = f"{sizes.requests_per_second:g} requests/s ({spec.users} users, one each {SECONDS_BETWEEN_REQUESTS} s)"
    lines = [
        f"App pods: {sizes.app_replicas}, {origin(given=spec.app.replicas is not None)}: "
        f"{rate}, {REQUESTS_PER_POD} for a pod, two at least.",
        f"Database instances: {sizes.instances}, {origin(given=spec.database.instances is not None)}.",
        f"Write pooler: {sizes.write.pods} pods × {sizes.write.size} + {sizes.write.reserve} in reserve.",
    ]
    if sizes.read is not None:
        lines.append(f"Read pooler: {sizes.read.pods} pods × {sizes.read.size} + {sizes.read.reserve} in reserve.")
    return lines


def _read(view: View) -> tuple[Resource, Stack, Facts]:
    resource = parse(view.raw or {})
    own = view.observed.belonging_to(resource.uid)
    stack = make_stack(resource, own, view.surroundings)
    return resource, stack, facts(stack, own)
