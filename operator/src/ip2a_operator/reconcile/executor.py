"""Carries out a plan's actions in order, and files what the API server answered."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ip2a_operator.domain.actions import (
    Action,
    Apply,
    Delete,
    EnsureSecret,
    Notice,
    NoticeKind,
    RotateSecret,
)
from ip2a_operator.domain.drift import fingerprint
from ip2a_operator.domain.observed import Live, ref_of
from ip2a_operator.domain.resource import Resource
from ip2a_operator.domain.teardown import Drain, Retain
from ip2a_operator.domain.tree import Manifest, Tree, branch, strings
from ip2a_operator.errors import ForeignObjectError, RejectedError, UnavailableError
from ip2a_operator.names import (
    ANNOUNCED_ANNOTATION,
    AUTOSCALER_MANAGER,
    RETAINED_ANNOTATION,
    ROTATED_ANNOTATION,
    SERIAL_ANNOTATION,
)
from ip2a_operator.reconcile.ports import Cluster, Entropy, Fence, FieldConflictError, Key, Names
from ip2a_operator.reconcile.store import Store

_ADVICE = "belongs to somebody else; rename the resource, or delete or rename that object"


@dataclass(frozen=True, slots=True)
class Executor:
    """Knows how; what and why are the plan's."""

    cluster: Cluster
    store: Store
    fence: Fence
    entropy: Entropy
    names: Names

    async def execute(self, resource: Resource, actions: Sequence[Action]) -> list[Notice]:
        """All actions in order. Raises what the Cluster port raises, and ForeignObjectError; later actions
        are
        left."""
        notices: list[Notice] = []
        for action in actions:
            self.fence.check()
            if isinstance(action, Apply):
                notices += await self._apply(resource, action)
            elif isinstance(action, EnsureSecret):
                await self._ensure(resource, action)
            elif isinstance(action, RotateSecret):
                notices += await self._rotate(resource, action)
            else:
                await self._delete(resource, action)
        return notices

    async def retain(self, resource: Resource, items: Sequence[Retain]) -> None:
        """Take the owner reference off objects that are to outlive the resource."""
        for item in items:
            self.fence.check()
            patch = {
                "metadata": {
                    "uid": item.uid,
                    "ownerReferences": None,
                    "annotations": {RETAINED_ANNOTATION: resource.uid},
                }
            }
            self._file(await self.cluster.merge(resource.namespace, item.ref, patch))

    async def drain(self, resource: Resource, items: Sequence[Drain]) -> None:
        """Scale Deployments to nothing; their pods then end as in any rollout."""
        for item in items:
            self.fence.check()
            patch = {"metadata": {"uid": item.uid}, "spec": {"replicas": 0}}
            self._file(await self.cluster.merge(resource.namespace, item.ref, patch))

    async def create(self, resource: Resource, manifest: Manifest) -> None:
        """Make an object that nobody is to change later; one of its name stays as it is."""
        self.fence.check()
        self._file(await self.cluster.create(resource.namespace, manifest))

    async def _apply(self, resource: Resource, action: Apply) -> list[Notice]:
        notices: list[Notice] = []
        if not action.known and not self._is_free(resource, action):
            await self._refuse_foreign(resource, action)
        try:
            answer = await self.cluster.apply(resource.namespace, action.manifest, force=False)
        except FieldConflictError as conflict:
            if not action.known:  # somebody was faster than what is known of names
                await self._refuse_foreign(resource, action)
            if not conflict.is_only_with(AUTOSCALER_MANAGER):  # which is us, told to stop
                notices.append(Notice(NoticeKind.WARNING, "FieldConflict", f"{action.ref}: {conflict}"))
            answer = await self._insist(resource, action)
        except RejectedError:
            if not action.known:
                raise
            answer = await self._insist(resource, action)
        self._file(answer)
        key = Key(resource.namespace, resource.name)
        self.store.accept(key, action.ref, fingerprint(action.manifest, answer))
        return notices

    async def _insist(self, resource: Resource, action: Apply) -> Tree:
        """Apply with force; where that is refused, after a merge patch, which replaces whole lists.

        Server-side apply adds to a list what has another key: once somebody has changed the number of a Service's
        port, ours would stand beside theirs under the same name, which the API server refuses for ever.
        """
        try:
            return await self.cluster.apply(resource.namespace, action.manifest, force=True)
        except RejectedError:
            if await self.cluster.merge(resource.namespace, action.ref, action.manifest) is None:
                raise
            return await self.cluster.apply(resource.namespace, action.manifest, force=True)

    def _is_free(self, resource: Resource, action: Apply) -> bool:
        """Whether nobody has the name, neither others nor another resource of ours: what is watched answers that
        without a request."""
        taken = self.store.holder(resource.namespace, action.ref) is not None
        return not taken and self.names.is_free(resource.namespace, action.ref)

    async def _refuse_foreign(self, resource: Resource, action: Apply) -> None:
        """An object that the watch has not shown may still exist: without our label, or in somebody else's
        hands."""
        found = await self.cluster.get(resource.namespace, action.ref)
        if found is not None:
            _refuse_foreign(resource, Live(found))

    async def _ensure(self, resource: Resource, action: EnsureSecret) -> None:
        """Values that exist are never replaced, whatever the watch has or has not shown yet."""
        secret = action.secret
        values = {**secret.literal, **{key: self.entropy.token() for key in secret.generated}}
        manifest = secret.manifest
        if not action.known:
            created = await self.cluster.create(resource.namespace, {**manifest, "data": _encoded(values)})
            if created is not None:
                self._file(created)
                return
        found = await self.cluster.get(resource.namespace, ref_of(manifest))
        if found is None:
            return
        _refuse_foreign(resource, Live(found))
        missing = {key: value for key, value in values.items() if key not in branch(found, "data")}
        await self._patch_secret(resource, found, manifest, _encoded(missing), {})

    async def _rotate(self, resource: Resource, action: RotateSecret) -> list[Notice]:
        secret, rotation = action.secret, action.secret.rotation
        found = await self.cluster.get(resource.namespace, action.ref)
        if found is None or rotation is None:
            return []
        if Live(found).annotation(ROTATED_ANNOTATION) == action.token:
            return []
        values = strings(found, "data")
        if action.step == "announce" and rotation.keep is not None:
            data, notes = _encoded({rotation.keep: self.entropy.token()}), {ANNOUNCED_ANNOTATION: action.token}
            await self._patch_secret(resource, found, secret.manifest, data, notes)
            return [Notice(NoticeKind.NORMAL, "SecretAnnounced", f"{action.ref}: {rotation.what}")]
        data = _encoded({rotation.key: self.entropy.token()})
        if action.step == "adopt" and rotation.keep in values:
            data = {rotation.key: values[rotation.keep]}
        if rotation.keep is not None:
            data[rotation.keep] = values.get(rotation.key, "")
        notes = {ROTATED_ANNOTATION: action.token}
        if action.serial is not None:
            notes[SERIAL_ANNOTATION] = str(action.serial)
        await self._patch_secret(resource, found, secret.manifest, data, notes)
        return [Notice(NoticeKind.NORMAL, "SecretRotated", f"{action.ref}: {rotation.what}")]

    async def _patch_secret(
        self,
        resource: Resource,
        found: Tree,
        manifest: Mapping[str, object],
        data: Mapping[str, str],
        annotations: Mapping[str, str],
    ) -> None:
        """One merge patch against exactly the version that was read."""
        wanted = branch(manifest, "metadata")
        patch = {
            "metadata": {
                "resourceVersion": branch(found, "metadata")["resourceVersion"],
                "labels": wanted["labels"],
                "ownerReferences": wanted["ownerReferences"],
                "annotations": dict(annotations),
            },
            "data": dict(data),
        }
        self._file(await self.cluster.merge(resource.namespace, ref_of(manifest), patch))

    async def _delete(self, resource: Resource, action: Delete) -> None:
        await self.cluster.delete(resource.namespace, action.ref, action.uid)

    def _file(self, answer: Tree | None) -> None:
        if answer is not None:
            self.store.put(answer)


def _refuse_foreign(resource: Resource, live: Live) -> None:
    if live.is_left_by_namesake(resource.name, resource.uid):
        raise UnavailableError(f"{live.ref} of an earlier resource of this name is still being removed")
    if not (live.is_controlled_by(resource.uid) or live.is_adoptable):
        raise ForeignObjectError(f"{live.ref} {_ADVICE}")


def _encoded(values: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
