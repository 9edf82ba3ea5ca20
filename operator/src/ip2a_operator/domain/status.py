"""What to publish about a resource: conditions, counts, and the events that their transitions are worth.

This module alone decides what people see. Reasons are CamelCase words that scripts may rely on;
docs/operator.md
has them in a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ip2a_operator.api.conditions import Condition, ConditionType, find, judge, merge
from ip2a_operator.api.v1alpha1 import AppStatus, ConnectionStatus, DatabaseStatus, IP2AStatus
from ip2a_operator.domain.actions import Notice, NoticeKind
from ip2a_operator.domain.builders.metadata import Component, selector
from ip2a_operator.domain.facts import Facts
from ip2a_operator.domain.observed import Observed, Ref
from ip2a_operator.domain.resource import Resource
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import branches, text

_GOOD_WHEN_FALSE = frozenset({ConditionType.DEGRADED, ConditionType.PAUSED, ConditionType.PROGRESSING})
_PARTS = (
    ConditionType.CONNECTION_BUDGET,
    ConditionType.DATABASE_READY,
    ConditionType.POOLING_READY,
    ConditionType.CACHE_READY,
    ConditionType.MIGRATIONS_APPLIED,
    ConditionType.INGRESS_READY,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition before it is dated."""

    kind: ConditionType
    status: bool | None
    reason: str
    message: str = ""


def status(
    stack: Stack, seen: Facts, observed: Observed, *, busy: bool, foreign: Sequence[Ref], now: datetime
) -> IP2AStatus:
    """The whole status. `busy`: the plan still changes something."""
    resource = stack.resource
    parts = [
        _connections(stack),
        _database(stack, seen),
        _pooling(stack, seen),
        _cache(stack, seen),
        _migrations(stack, seen),
        _ingress(stack, observed),
    ]
    app = _app(resource, seen)
    problem = _problem(stack, seen, parts, foreign)
    unready = next((verdict for verdict in (*parts, app) if verdict.status is not True), None)
    ready = _ready(unready, problem, busy=busy)
    verdicts = [
        ready,
        _progressing(resource, unready, problem, busy=busy),
        _degraded(stack, seen, unready, problem),
        *parts,
        _paused(resource),
    ]
    return IP2AStatus(
        observed_generation=resource.generation,
        conditions=merge(resource.conditions, _dated(sorted(verdicts, key=_order), resource.generation, now)),
        url=stack.url,
        selector=",".join(f"{key}={value}" for key, value in selector(stack, Component.APP).items()),
        app=_app_status(stack, seen),
        database=_database_status(stack, seen),
        connections=ConnectionStatus(
            worst=stack.ledger.server.worst,
            budget=stack.ledger.server.limit,
            arithmetic=stack.ledger.arithmetic,
        ),
    )


def failure(resource: Resource, reason: str, message: str, now: datetime) -> IP2AStatus:
    """The published status, with the news that reconciling it failed; the parts' conditions stay as they
    were."""
    verdicts = [
        Verdict(ConditionType.PROGRESSING, False, reason, message),
        Verdict(ConditionType.DEGRADED, True, reason, message),
    ]
    if find(resource.conditions, ConditionType.READY) is None:
        verdicts.append(Verdict(ConditionType.READY, False, reason, message))
    return _amended(resource, verdicts, now)


def leaving(resource: Resource, reason: str, message: str, *, failed: bool, now: datetime) -> IP2AStatus:
    """The published status of a resource whose deletion waits for its pods or a last backup; `failed`: one did."""
    verdicts = [Verdict(ConditionType.PROGRESSING, True, reason, message)]
    if failed:
        verdicts.append(Verdict(ConditionType.DEGRADED, True, "FinalBackupFailed", message))
    return _amended(resource, verdicts, now)


def _amended(resource: Resource, verdicts: Sequence[Verdict], now: datetime) -> IP2AStatus:
    """The published status with some conditions in place of those of the same types."""
    fresh = {condition.type: condition for condition in _dated(verdicts, resource.generation, now)}
    kept = tuple(condition for condition in resource.conditions if condition.type not in fresh)
    conditions = merge(resource.conditions, (*kept, *fresh.values()))
    return resource.status.model_copy(
        update={
            "conditions": tuple(sorted(conditions, key=_order)),
            "observed_generation": resource.generation,
        }
    )


def invalid(previous: IP2AStatus, generation: int, message: str, now: datetime) -> IP2AStatus:
    """The status of a resource that cannot be understood: nothing is done until it changes."""
    verdicts = [
        Verdict(ConditionType.READY, False, "InvalidSpec", message),
        Verdict(ConditionType.PROGRESSING, False, "InvalidSpec", message),
        Verdict(ConditionType.DEGRADED, True, "InvalidSpec", message),
    ]
    conditions = merge(previous.conditions, _dated(verdicts, generation, now))
    return previous.model_copy(update={"conditions": conditions, "observed_generation": generation})


def was_ready(conditions: Sequence[Condition]) -> bool:
    """Whether the published conditions say Ready."""
    ready = find(conditions, ConditionType.READY)
    return ready is not None and ready.status == "True"


def transitions(old: Sequence[Condition], new: Sequence[Condition]) -> list[Notice]:
    """Events for conditions whose status changed, or that fail for another reason than before."""
    notices = []
    before = {condition.type: condition for condition in old}
    for condition in new:
        previous = before.get(condition.type)
        good = (condition.status == "True") != (ConditionType(condition.type) in _GOOD_WHEN_FALSE)
        if condition.type == ConditionType.PROGRESSING:
            good = condition.status == "True" or condition.reason in {"Complete", "Paused"}
        changed = previous is not None and previous.status != condition.status
        fails_anew = not good and previous is not None and previous.reason != condition.reason
        if changed or (fails_anew and condition.type == ConditionType.PROGRESSING):
            kind = NoticeKind.NORMAL if good or condition.reason in _EXPECTED else NoticeKind.WARNING
            message = condition.message or condition.reason
            notices.append(Notice(kind, f"{condition.type}{condition.status}", f"{condition.reason}: {message}"))
    return notices


_EXPECTED = frozenset({"RollingOut", "Creating", "Running", "Waiting", "Paused"})
"""Reasons of False that are steps on the way."""


def _dated(verdicts: Sequence[Verdict], generation: int, now: datetime) -> list[Condition]:
    return [
        judge(item.kind, item.status, item.reason, item.message, generation=generation, now=now) for item in verdicts
    ]


def _order(item: Verdict | Condition) -> int:
    kind = item.kind if isinstance(item, Verdict) else ConditionType(item.type)
    return list(ConditionType).index(kind)


def _connections(stack: Stack) -> Verdict:
    fits = stack.ledger.fits
    reason = "WithinBudget" if fits else "BudgetExceeded"
    advice = "" if fits else "; lower pooling sizes or pods, or raise database.parameters.max_connections"
    return Verdict(ConditionType.CONNECTION_BUDGET, fits, reason, stack.ledger.arithmetic + advice)


def _database(stack: Stack, seen: Facts) -> Verdict:
    kind, found = ConditionType.DATABASE_READY, seen.database
    if stack.resource.spec.database.external is not None:
        return Verdict(kind, True, "External", "the database is run by somebody else")
    if not found.exists:
        return Verdict(kind, False, "Waiting", "the database is not made yet")
    counts = f"{found.ready} of {found.wanted} instances are ready"
    detail = f"{counts}; {found.phase}" if found.phase else counts
    if not found.serves:
        return Verdict(kind, False, "NoPrimary" if seen.has_served else "Creating", detail)
    if found.ready < found.wanted:
        return Verdict(kind, False, "ReplicasMissing" if seen.has_served else "Creating", detail)
    return Verdict(kind, True, "Healthy", counts)


def _pooling(stack: Stack, seen: Facts) -> Verdict:
    kind = ConditionType.POOLING_READY
    if not seen.poolers:
        return Verdict(kind, True, "External", "the application connects directly")
    waiting = sorted(name for name, serves in seen.poolers.items() if not serves)
    if waiting:
        return Verdict(kind, False, "Waiting", f"not all pods are ready: {', '.join(waiting)}")
    serving = f"{len(seen.poolers)} poolers serve"
    if stack.growth is not None and stack.growth.withheld:
        serving += f"; they grow once PostgreSQL grants {stack.growth.max_connections} connections"
    return Verdict(kind, True, "Serving", serving)


def _cache(stack: Stack, seen: Facts) -> Verdict:
    kind, cache = ConditionType.CACHE_READY, stack.resource.spec.cache
    if not cache.enabled:
        return Verdict(kind, True, "Disabled", "the application runs without Redis")
    if cache.external is not None:
        return Verdict(kind, True, "External", "Redis is run by somebody else")
    if seen.cache.ready < 1:
        return Verdict(kind, False, "Waiting", "Redis is not ready")
    return Verdict(kind, True, "Serving", "Redis serves")


def _migrations(stack: Stack, seen: Facts) -> Verdict:
    kind, job = ConditionType.MIGRATIONS_APPLIED, seen.migration
    if not stack.migration_command:
        return Verdict(kind, True, "NotNeeded", "no migration command")
    if job.succeeded:
        return Verdict(kind, True, "Complete", f"Job {stack.migration} succeeded")
    if seen.migration_problem is not None:
        problem = seen.migration_problem
        return Verdict(kind, False, problem.reason, f"pod {problem.pod}: {problem.message}")
    if job.exists:
        return Verdict(kind, False, "Running", f"Job {stack.migration} is running")
    return Verdict(kind, False, "Waiting", "waiting for the database")


def _ingress(stack: Stack, observed: Observed) -> Verdict:
    kind, wanted = ConditionType.INGRESS_READY, stack.resource.spec.ingress
    if wanted is None:
        return Verdict(kind, True, "NotWanted", "only reachable inside the cluster")
    if wanted.parent_refs:
        return _route(stack, observed)
    if observed.get("networking.k8s.io/v1", "Ingress", stack.app) is None:
        return Verdict(kind, False, "Waiting", "the Ingress is not made yet")
    return Verdict(kind, True, "Applied", stack.url)


def _route(stack: Stack, observed: Observed) -> Verdict:
    kind = ConditionType.INGRESS_READY
    if "HTTPRoute" not in stack.offered:
        return Verdict(kind, False, "GatewayApiMissing", "ingress.parentRefs needs the Gateway API's CRDs")
    live = observed.get("gateway.networking.k8s.io/v1", "HTTPRoute", stack.app)
    parents = branches(live.tree, "status", "parents") if live else ()
    accepted = [
        condition
        for parent in parents
        for condition in branches(parent, "conditions")
        if text(condition, "type") == "Accepted"
    ]
    if not accepted:
        return Verdict(kind, False, "Waiting", "no Gateway has accepted the route yet")
    refusal = next((item for item in accepted if text(item, "status") != "True"), None)
    if refusal is not None:
        return Verdict(kind, False, text(refusal, "reason") or "NotAccepted", text(refusal, "message"))
    return Verdict(kind, True, "Accepted", stack.url)


def _app(resource: Resource, seen: Facts) -> Verdict:
    """Judged like the parts, but shown only through Ready, Progressing and Degraded."""
    app, worker = seen.app, seen.worker
    counts = f"{app.ready} of {app.wanted} app pods are ready"
    if not app.exists:
        return Verdict(ConditionType.READY, False, "Waiting", "the app is not started yet")
    if not app.rolled_out:
        grows = app.wanted > resource.status.app.desired
        lost = app.short and not grows and _had_been_ready(resource)
        return Verdict(ConditionType.READY, False, "PodsMissing" if lost else "RollingOut", counts)
    if worker.exists and not worker.rolled_out:
        lost = worker.short and _had_been_ready(resource)
        reason = "PodsMissing" if lost else "RollingOut"
        return Verdict(ConditionType.READY, False, reason, "the background worker is not ready")
    return Verdict(ConditionType.READY, True, "Serving", counts)


def _problem(stack: Stack, seen: Facts, parts: Sequence[Verdict], foreign: Sequence[Ref]) -> Verdict | None:
    """What keeps the resource from ever becoming ready unless somebody acts."""
    budget = parts[0]
    if budget.status is False:
        return Verdict(ConditionType.PROGRESSING, False, budget.reason, budget.message)
    if (missing := _missing_kinds(stack, parts)) is not None:
        return missing
    if foreign:
        names = ", ".join(map(str, foreign))
        advice = "belongs to somebody else; rename the resource, or delete or rename that object"
        return Verdict(ConditionType.PROGRESSING, False, "ForeignObject", f"{names} {advice}")
    for problem in (seen.migration_problem, *seen.pod_problems):
        if problem is not None:
            return Verdict(
                ConditionType.PROGRESSING,
                False,
                problem.reason,
                f"pod {problem.pod}: {problem.message}".strip(),
            )
    if seen.app.stuck and not seen.app.rolled_out:
        detail = f"{seen.app.ready} of {seen.app.wanted} app pods are ready, and no more became so in time"
        return Verdict(ConditionType.PROGRESSING, False, "ProgressDeadlineExceeded", detail)
    return None


def _missing_kinds(stack: Stack, parts: Sequence[Verdict]) -> Verdict | None:
    """What the cluster would have to serve first; the operator notices by itself when it does."""
    if not stack.has_database_kinds:
        advice = "install CloudNativePG 1.30, or use database.external"
        return Verdict(ConditionType.PROGRESSING, False, "CloudNativePGMissing", advice)
    if parts[-1].reason == "GatewayApiMissing":
        return Verdict(ConditionType.PROGRESSING, False, parts[-1].reason, parts[-1].message)
    return None


def _ready(unready: Verdict | None, problem: Verdict | None, *, busy: bool) -> Verdict:
    if problem is not None:
        return Verdict(ConditionType.READY, False, problem.reason, problem.message)
    if unready is not None:
        what = "" if unready.kind is ConditionType.READY else f"{unready.kind.value}: "
        return Verdict(ConditionType.READY, False, unready.reason, what + unready.message)
    if busy:
        return Verdict(ConditionType.READY, False, "RollingOut", "changes are being applied")
    return Verdict(ConditionType.READY, True, "Serving", "everything runs as specified")


def _progressing(resource: Resource, unready: Verdict | None, problem: Verdict | None, *, busy: bool) -> Verdict:
    kind = ConditionType.PROGRESSING
    if resource.paused:
        return Verdict(kind, False, "Paused", "nothing is changed while paused")
    if problem is not None:
        return problem
    if unready is not None:
        what = "" if unready.kind is ConditionType.READY else f"{unready.kind.value}: "
        return Verdict(kind, True, "RollingOut", what + unready.message)
    if busy:
        return Verdict(kind, True, "RollingOut", "changes are being applied")
    return Verdict(kind, False, "Complete", "nothing is left to do")


def _degraded(stack: Stack, seen: Facts, unready: Verdict | None, problem: Verdict | None) -> Verdict:
    """True when something is wrong, or when what was ready before is no longer, without the spec having
    changed."""
    kind = ConditionType.DEGRADED
    if problem is not None:
        return Verdict(kind, True, problem.reason, problem.message)
    if unready is not None and unready.reason != "RollingOut" and _had_been_ready(stack.resource):
        return Verdict(kind, True, unready.reason, f"{unready.kind.value}: {unready.message}")
    if stack.resource.spec.database.backup is not None:
        for what, message in sorted(seen.database.backup_failures.items()):
            return Verdict(kind, True, _BACKUP_REASONS[what], message)
    return Verdict(kind, False, "AsExpected")


_BACKUP_REASONS = {"ContinuousArchiving": "ArchivingFailed", "LastBackupSucceeded": "BackupFailed"}
"""What no backup means for people, by CloudNativePG's condition: everything serves, one disk away from a loss."""


def _had_been_ready(resource: Resource) -> bool:
    """Whether this spec was ready, or was so before it became degraded."""
    degraded = find(resource.conditions, ConditionType.DEGRADED)
    was_degraded = (
        degraded is not None and degraded.status == "True" and degraded.reason not in _BACKUP_REASONS.values()
    )
    same_spec = resource.status.observed_generation == resource.generation
    return same_spec and (was_ready(resource.conditions) or was_degraded)


def _paused(resource: Resource) -> Verdict:
    if resource.paused:
        return Verdict(ConditionType.PAUSED, True, "Paused", "spec.paused or the paused annotation is set")
    return Verdict(ConditionType.PAUSED, False, "NotPaused")


def _app_status(stack: Stack, seen: Facts) -> AppStatus:
    desired = seen.app.wanted if seen.app.exists else stack.sizes.app_replicas
    return AppStatus(
        ready=seen.app.ready, desired=desired, summary=f"{seen.app.ready}/{desired}", image=stack.app_image
    )


def _database_status(stack: Stack, seen: Facts) -> DatabaseStatus:
    if stack.resource.spec.database.external is not None:
        return DatabaseStatus(summary="external", phase="external")
    desired = seen.database.wanted if seen.database.exists else stack.sizes.instances
    found = seen.database
    return DatabaseStatus(
        ready=found.ready,
        desired=desired,
        summary=f"{found.ready}/{desired}",
        primary=found.primary,
        phase=found.phase,
    )
