"""What a tick of the autoscaler looks at: every resource with its objects, read again only when they changed.

With hundreds of resources and a tick every five seconds, reading everything anew would cost most of a core; versions
are compared first.
"""

from dataclasses import dataclass, field
from typing import Final, TypeVar

from ip2a_operator.domain.autoscaling.spec import ScalerSpec
from ip2a_operator.domain.desired import desired
from ip2a_operator.domain.facts import CNPG
from ip2a_operator.domain.handover import Path, fields_of, stated
from ip2a_operator.domain.observed import Live, Observed, Ref, ref_of
from ip2a_operator.domain.plan import Surroundings, make_stack
from ip2a_operator.domain.resource import Resource, parse
from ip2a_operator.domain.scaling.fleet import PodFacts, Seen, pod_facts
from ip2a_operator.domain.scaling.settings import scaler_spec
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Tree, branch, text
from ip2a_operator.errors import InvalidSpecError
from ip2a_operator.reconcile.ports import Key
from ip2a_operator.reconcile.store import Store

T = TypeVar("T")
Version = tuple[str, int]

_HEAVY: Final = frozenset({"template", "bootstrap", "managed", "certificates", "monitoring", "selector"})


@dataclass(frozen=True, slots=True)
class Target:
    """An object with fields that an actuator sets, and what the spec alone says about them."""

    ref: Ref
    paths: tuple[Path, ...]
    stated: str


@dataclass(frozen=True, slots=True)
class Subject:
    """One resource as the autoscaler understands it."""

    key: Key
    resource: Resource
    stack: Stack
    spec: ScalerSpec
    targets: tuple[Target, ...]
    prometheus: str
    """URL, or empty."""


@dataclass(slots=True)
class _Cached:
    version: Version
    subject: Subject | None
    objects: dict[Ref, tuple[Version, Live]] = field(default_factory=dict)
    pods: dict[Ref, tuple[Version, PodFacts]] = field(default_factory=dict)


class Subjects:
    """Resources and their objects out of the store, remembered by version."""

    def __init__(self, store: Store, surroundings: Surroundings, prometheus: str) -> None:
        self._store = store
        self._surroundings = surroundings
        self._prometheus = prometheus
        self._cached: dict[Key, _Cached] = {}

    def all(self) -> list[Subject]:
        """Every resource that lives and can be understood."""
        keys = set(self._store.keys())
        for gone in self._cached.keys() - keys:
            del self._cached[gone]
        found = (self._subject(key) for key in sorted(keys, key=str))
        return [subject for subject in found if subject is not None]

    def one(self, key: Key) -> Subject | None:
        """One of them."""
        return self._subject(key)

    def seen(self, subject: Subject) -> Seen:
        """The objects that scaling looks at, as they are now."""
        key, stack, cached = subject.key, subject.stack, self._cached[subject.key]
        versions = self._store.versions(key)
        for kept in (cached.objects, cached.pods):
            for gone in kept.keys() - versions.keys():
                del kept[gone]

        def live(api_version: str, kind: str, name: str) -> Live | None:
            ref = Ref(api_version, kind, name)
            version = versions.get(ref)
            if version is None:
                return None
            if (known := cached.objects.get(ref)) is not None and known[0] == version:
                return known[1]
            found = self._store.one(key, ref)
            if found is None or found.deleting or not found.is_controlled_by(subject.resource.uid):
                return None
            light = Live(_light(found.tree))
            cached.objects[ref] = (version, light)
            return light

        return Seen(
            deployment=live("apps/v1", "Deployment", stack.app),
            write=live(CNPG, "Pooler", stack.write_pool),
            read=live(CNPG, "Pooler", stack.read_pool),
            cluster=live(CNPG, "Cluster", stack.database),
            pods=tuple(self._pod(key, cached, ref, version) for ref, version in versions.items() if ref.kind == "Pod"),
        )

    def _pod(self, key: Key, cached: _Cached, ref: Ref, version: Version) -> PodFacts:
        if (known := cached.pods.get(ref)) is not None and known[0] == version:
            return known[1]
        found = self._store.one(key, ref)
        facts = pod_facts(found.tree if found else {})
        cached.pods[ref] = (version, facts)
        return facts

    def _subject(self, key: Key) -> Subject | None:
        version = self._store.version(key)
        if version is None:
            return None
        cached = self._cached.get(key)
        if cached is not None and cached.version == version:
            return cached.subject
        subject = self._read(key)
        if cached is None:
            self._cached[key] = _Cached(version, subject)
        else:
            cached.version, cached.subject = version, subject
        return subject

    def _read(self, key: Key) -> Subject | None:
        raw = self._store.resource(key)
        if raw is None or text(raw, "metadata", "deletionTimestamp"):
            return None
        try:
            resource = parse(raw)
        except InvalidSpecError:
            return None
        return make_subject(resource, self._surroundings, self._prometheus)


def make_subject(resource: Resource, surroundings: Surroundings, prometheus: str) -> Subject:
    """A resource as the autoscaler understands it; `prometheus` is the URL unless the spec names one."""
    stack = make_stack(resource, Observed(), surroundings)
    return Subject(
        key=Key(resource.namespace, resource.name),
        resource=resource,
        stack=stack,
        spec=scaler_spec(stack),
        targets=_targets(stack),
        prometheus=(resource.spec.monitoring.prometheus_url or prometheus).rstrip("/"),
    )


def _targets(stack: Stack) -> tuple[Target, ...]:
    found = []
    for wanted in desired(stack):
        ref = ref_of(wanted.manifest)
        if paths := fields_of(ref.kind, ref.name, stack.name):
            found.append(Target(ref, paths, stated(wanted.manifest, paths)))
    return tuple(found)


def _light(tree: Tree) -> Tree:
    """Without what scaling never looks at and hundreds of resources would fill memory with."""
    spec = {key: value for key, value in branch(tree, "spec").items() if key not in _HEAVY}
    return {**tree, "spec": spec}
