"""The decision: what to do next to bring one resource from what was seen to what is wanted.

Pure and total: the same inputs give the same plan, and a plan made right after its actions took effect has
none.
Nothing is remembered between plans; whatever a decision needs stands on the objects.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from ip2a_operator.api.v1alpha1 import IP2AStatus
from ip2a_operator.domain import status
from ip2a_operator.domain.actions import Action, Apply, Delete, EnsureSecret, Notice, NoticeKind
from ip2a_operator.domain.backoff import backoff
from ip2a_operator.domain.builders import jobs
from ip2a_operator.domain.builders.redis import with_fixed_name
from ip2a_operator.domain.builders.secrets import GeneratedSecret, secrets
from ip2a_operator.domain.capacity import sizes
from ip2a_operator.domain.desired import Stage, Wanted, desired
from ip2a_operator.domain.drift import covers, needs_apply, stamp
from ip2a_operator.domain.facts import DIGESTS, Facts, facts, secret_digests
from ip2a_operator.domain.growth import growth
from ip2a_operator.domain.handover import adjusted
from ip2a_operator.domain.ledger import ledger
from ip2a_operator.domain.logins import logins
from ip2a_operator.domain.meanwhile import before_migration
from ip2a_operator.domain.observed import Live, Observed, Ref, ref_of, workload
from ip2a_operator.domain.prune import prune
from ip2a_operator.domain.references import followed
from ip2a_operator.domain.resource import Resource
from ip2a_operator.domain.rotation import adoption, due, rotations
from ip2a_operator.domain.stack import Images, Stack, is_platform
from ip2a_operator.domain.tree import Manifest, branch, strings
from ip2a_operator.names import APPLIED_ANNOTATION, ATTEMPT_ANNOTATION

MIGRATION_RETRY_FIRST: Final = 60.0
MIGRATION_RETRY_CAP: Final = 1800.0
"""Seconds between migration Jobs of one image that failed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in order, the status to publish, events, and when to look again at the latest."""

    actions: tuple[Action, ...]
    status: IP2AStatus
    notices: tuple[Notice, ...] = ()
    look_again: float | None = None
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is the same for all resources: the chart's images and the optional kinds the cluster has."""

    images: Images
    offered: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Steps:
    """What the steps of one plan have found so far."""

    actions: list[Action] = field(default_factory=list)
    foreign: list[Ref] = field(default_factory=list)
    held_back: bool = False
    """Whether a change waits for what it needs."""
    look_again: float | None = None


def plan(resource: Resource, observed: Observed, surroundings: Surroundings, now: datetime) -> Plan:
    """The plan for one resource."""
    own = observed.belonging_to(resource.uid)
    stack = make_stack(resource, own, surroundings, now)
    seen = facts(stack, own)
    steps = _Steps()
    if not resource.paused and stack.ledger.fits:
        generated = secrets(stack)
        _secrets(stack, observed, generated, steps)
        wanted = desired(stack)
        opened = _open_stages(stack, seen, secrets_are_there=_has_secrets(stack, observed, generated))
        others = not_followed(stack, generated)
        _objects(stack, observed, wanted, opened, others=others, steps=steps)
        if Stage.MIGRATION in opened:
            _migration(stack, observed, seen, steps, now)
        if _awaits_migration(opened, seen):
            serving = frozenset(item.ref for item in wanted if item.stage is Stage.SERVING)
            _keep_serving(stack, observed, serving, others=others, steps=steps)
        keep = {item.ref for item in wanted} | {ref_of(secret.manifest) for secret in generated}
        steps.actions += prune(stack, observed, keep)
        if Stage.SERVING in opened:
            _adoptions(stack, observed, generated, seen, steps)
    published = status.status(
        stack, seen, own, busy=bool(steps.actions) or steps.held_back, foreign=tuple(steps.foreign), now=now
    )
    notices = (
        *status.transitions(resource.conditions, published.conditions),
        *_mending(resource, steps, observed),
    )
    waits = [wait for wait in (steps.look_again, stack.growth.wait if stack.growth else None) if wait is not None]
    return Plan(tuple(steps.actions), published, notices, min(waits, default=None))


def make_stack(
    resource: Resource, observed: Observed, surroundings: Surroundings, now: datetime | None = None
) -> Stack:
    """Everything that follows from the spec and from how far the cluster is; without a time, as it is to become."""
    platform = is_platform(resource.spec, surroundings.images)
    sized = sizes(resource.spec, platform=platform)
    stack = Stack(
        resource=resource,
        sizes=sized,
        ledger=ledger(resource.spec, sized),
        images=surroundings.images,
        secret_digests=secret_digests(observed),
        offered=surroundings.offered,
    )
    if resource.spec.database.external is not None:
        return stack
    token = rotations(resource.annotations).get("database", "")
    stack = replace(stack, logins=logins(resource.name, stack.turns, observed, token))
    if now is None:
        return stack
    step = growth(resource.name, sized, stack.ledger.max_connections, observed, now)
    return replace(stack, sizes=step.sizes, growth=step)


def _secrets(stack: Stack, observed: Observed, wanted: Iterable[GeneratedSecret], steps: _Steps) -> None:
    for generated in wanted:
        live = observed.get("v1", "Secret", generated.name)
        if live is None:
            steps.actions.append(EnsureSecret(generated, known=False))
        elif not _is_ours(stack, live):
            _not_ours(stack, live, steps)
        elif _missing(generated, live) or not covers(generated.manifest, live.tree):
            steps.actions.append(EnsureSecret(generated, known=True))
        elif (step := due(stack, generated, live)) is not None:
            steps.actions.append(step)


def _adoptions(stack: Stack, observed: Observed, wanted: Iterable[GeneratedSecret], seen: Facts, steps: _Steps) -> None:
    """Use values that were announced, once every pod that serves has been told: nothing else is left to do then."""
    told = seen.app.rolled_out and (seen.worker.rolled_out or not seen.worker.exists)
    if steps.actions or steps.held_back or not told:
        return
    there = [(one, live) for one in wanted if (live := observed.get("v1", "Secret", one.name))]
    steps.actions += [step for one, live in there if (step := adoption(stack, one, live))]


def _missing(secret: GeneratedSecret, live: Live) -> bool:
    present = strings(live.tree, DIGESTS)
    return any(key not in present for key in (*secret.literal, *secret.generated))


def _has_secrets(stack: Stack, observed: Observed, wanted: Iterable[GeneratedSecret]) -> bool:
    """Whether every Secret is complete; what reads one waits for that instead of restarting then."""
    for generated in wanted:
        live = observed.get("v1", "Secret", generated.name)
        if live is None or not _is_ours(stack, live) or _missing(generated, live):
            return False
    return True


def _is_ours(stack: Stack, live: Live) -> bool:
    return live.is_controlled_by(stack.resource.uid) or live.is_adoptable


def _not_ours(stack: Stack, live: Live, steps: _Steps) -> None:
    """Somebody else's is a problem; what an earlier resource of the same name left goes away by itself."""
    if not live.is_left_by_namesake(stack.name, stack.resource.uid):
        steps.foreign.append(live.ref)


def _open_stages(stack: Stack, seen: Facts, *, secrets_are_there: bool) -> frozenset[Stage]:
    """A stage that was passed stays open, so that what is lost comes back whatever else is down."""
    opened = {Stage.FOUNDATION}
    if not secrets_are_there or not stack.has_database_kinds:
        return frozenset(opened)
    opened.add(Stage.DATABASE)
    has_database = seen.database.serves or stack.resource.spec.database.external is not None
    if has_database or seen.has_served:
        opened.add(Stage.POOLING)
    if has_database and seen.database.roles >= set(stack.managed_roles):
        opened.add(Stage.MIGRATION)
    migrated = seen.migration.succeeded or not stack.migration_command
    if migrated and (seen.has_served or has_database) and (seen.app.exists or all(seen.poolers.values())):
        opened.add(Stage.SERVING)
    return frozenset(opened)


def _objects(
    stack: Stack,
    observed: Observed,
    wanted: tuple[Wanted, ...],
    opened: frozenset[Stage],
    *,
    others: frozenset[str],
    steps: _Steps,
) -> None:
    cache_changes = False
    for item in wanted:
        if item.stage not in opened or item.stage is Stage.MIGRATION:
            continue
        live = observed.objects.get(item.ref)
        manifest = stamp(as_applied(stack, observed, item.manifest, live, others))
        if live is None:
            steps.actions.append(Apply(manifest, known=False, why="missing"))
        elif live.deleting:
            continue
        elif not _is_ours(stack, live):
            _not_ours(stack, live, steps)
        else:
            applies = needs_apply(manifest, live.tree, observed.accepted.get(item.ref))
            drifted = _is_as_applied(manifest, live)
            if item.ref.kind == "StatefulSet":
                cache_changes = _old_cache_serves(live, applies=applies and not drifted)
            if applies and not drifted and item.stage is Stage.SERVING and cache_changes:
                steps.held_back = True
            elif applies:
                steps.actions.append(Apply(manifest, known=True, why="drifted" if drifted else "changed"))


def _awaits_migration(opened: frozenset[Stage], seen: Facts) -> bool:
    """Whether nothing but the migration keeps SERVING closed."""
    served = seen.app.exists or (seen.has_served and all(seen.poolers.values()))
    return Stage.SERVING not in opened and Stage.DATABASE in opened and served


def _is_as_applied(manifest: Manifest, live: Live) -> bool:
    """Whether the object was applied last with the same intent."""
    return branch(manifest, "metadata", "annotations")[APPLIED_ANNOTATION] == live.annotation(APPLIED_ANNOTATION)


def _old_cache_serves(live: Live, *, applies: bool) -> bool:
    """Whether a Redis answers that is about to be replaced.

    Changes of the pods that use it wait for those seconds: with a rotated password, the old Redis would refuse new
    pods, while the new one knows both passwords. One that does not answer holds nothing back.
    """
    found = workload(live)
    return found.ready > 0 and (applies or found.replacing)


def _keep_serving(
    stack: Stack, observed: Observed, serving: frozenset[Ref], *, others: frozenset[str], steps: _Steps
) -> None:
    """Mend what serves while its new image is not migrated, with the image that it has.

    What changed in the spec beside the image comes with the migrated image; where that is so, what is changed by others
    is not told from it, and left until then. What is lost comes back anyway, but for jobs of the spec's own: whether
    the older image knows them is not known.
    """
    new = "CronJob" if stack.resource.spec.app.jobs is not None else ""
    older = before_migration(stack, observed, serving)
    if older is None:
        return
    for item in desired(older):
        if item.ref not in serving:
            continue
        live = observed.objects.get(item.ref)
        manifest = stamp(as_applied(older, observed, item.manifest, live, others))
        if live is None:
            if item.ref.kind != new:
                steps.actions.append(Apply(manifest, known=False, why="missing"))
        elif live.deleting or not _is_ours(stack, live) or not _is_as_applied(manifest, live):
            continue
        elif needs_apply(manifest, live.tree, observed.accepted.get(item.ref)):
            steps.actions.append(Apply(manifest, known=True, why="drifted"))


def not_followed(stack: Stack, generated: Iterable[GeneratedSecret]) -> frozenset[str]:
    """Secrets whose changes reach pods otherwise than as references of the spec."""
    return frozenset({secret.name for secret in generated} | {stack.database_ca})


def as_applied(
    stack: Stack, observed: Observed, manifest: Manifest, live: Live | None, others: frozenset[str]
) -> Manifest:
    """What a builder made, with what only the live object and its surroundings tell; `others`: `not_followed`."""
    scaled = adjusted(manifest, live, stack.resource.spec, stack.name)
    return with_fixed_name(followed(scaled, live, observed.references, others), live)


def _migration(stack: Stack, observed: Observed, seen: Facts, steps: _Steps, now: datetime) -> None:
    """The Job of this image and command: made once, made anew with backoff while it fails, left alone when
    done."""
    live = observed.objects.get(Ref("batch/v1", "Job", stack.migration))
    attempt = int(live.annotation(ATTEMPT_ANNOTATION) or 0) if live else 0
    current = _migration_job(stack, attempt)
    if current is None or (live is not None and (live.deleting or seen.migration.succeeded)):
        return
    if live is None:
        steps.actions.append(Apply(current, known=False, why="missing"))
    elif not _is_ours(stack, live):
        _not_ours(stack, live, steps)
    elif strings(current, "metadata", "annotations")[APPLIED_ANNOTATION] != live.annotation(APPLIED_ANNOTATION):
        _replace(steps, live, _migration_job(stack, 0), "changed")
    elif seen.migration.failed:
        wait = backoff(attempt + 1, stack.resource.uid, first=MIGRATION_RETRY_FIRST, cap=MIGRATION_RETRY_CAP)
        since = datetime.fromisoformat(seen.migration.failed_at) if seen.migration.failed_at else now
        left = (since + timedelta(seconds=wait) - now).total_seconds()
        if left > 0:
            steps.look_again = left
        else:
            _replace(steps, live, _migration_job(stack, attempt + 1), "failed before")


def _migration_job(stack: Stack, attempt: int) -> Mapping[str, object] | None:
    wanted = jobs.migration(stack, attempt)
    return stamp(wanted) if wanted else None


def _replace(steps: _Steps, live: Live, manifest: Mapping[str, object] | None, why: str) -> None:
    steps.actions.append(Delete(live.ref, live.uid, why))
    if manifest is not None:
        steps.actions.append(Apply(manifest, known=False, why=why))


def _mending(resource: Resource, steps: _Steps, observed: Observed) -> list[Notice]:
    """Events for what somebody else changed or removed under a resource that was settled."""
    notices = []
    settled = resource.status.observed_generation == resource.generation and status.was_ready(resource.conditions)
    for action in steps.actions:
        if isinstance(action, Apply) and action.why == "drifted":
            notices.append(Notice(NoticeKind.NORMAL, "DriftMended", f"{action.ref} had been changed"))
        elif isinstance(action, Apply) and action.why == "missing" and settled and action.ref not in observed.objects:
            notices.append(Notice(NoticeKind.NORMAL, "Recreated", f"{action.ref} was missing"))
    return notices
