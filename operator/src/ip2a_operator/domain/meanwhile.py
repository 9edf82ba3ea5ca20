"""What serves while a new image is not migrated yet, or never will be: the same with the image that it has."""

from collections.abc import Iterable
from dataclasses import replace

from ip2a_operator.domain.builders.metadata import Component
from ip2a_operator.domain.observed import Live, Observed, Ref, job
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import Tree, branch, branches, text
from ip2a_operator.names import COMPONENT_LABEL


def before_migration(stack: Stack, observed: Observed, serving: Iterable[Ref]) -> Stack | None:
    """The stack with the image that serves; None when none has ever been migrated, or when it is another program."""
    image = _serving_image(stack, observed, serving)
    if not image:
        return None
    spec = stack.resource.spec
    older = spec.model_copy(update={"app": spec.app.model_copy(update={"image": image})})
    before = replace(stack, resource=replace(stack.resource, spec=older))
    return before if before.is_platform == stack.is_platform else None


def _serving_image(stack: Stack, observed: Observed, serving: Iterable[Ref]) -> str:
    """The app's, which is what people see; where it is lost that of another part; else the one migrated last."""
    refs = sorted(serving, key=lambda ref: (ref.name != stack.app, ref))
    own = [live for ref in refs if (live := observed.objects.get(ref)) and live.is_controlled_by(stack.resource.uid)]
    done = [
        live
        for live in observed.of_kind("Job")
        if text(live.tree, "metadata", "labels", COMPONENT_LABEL) == Component.MIGRATION
        and live.is_controlled_by(stack.resource.uid)
        and job(live).succeeded
    ]
    latest = sorted(done, key=lambda live: text(live.tree, "metadata", "creationTimestamp"), reverse=True)
    return next(filter(None, map(_image, (*own, *latest))), "")


def _image(live: Live) -> str:
    """The image of the container that is ours; others may have put theirs beside it."""
    spec: Tree = branch(live.tree, "spec")
    if live.ref.kind == "CronJob":
        spec = branch(spec, "jobTemplate", "spec")
    containers = branches(spec, "template", "spec", "containers")
    ours = {Component.APP.value, Component.WORKER.value, Component.MIGRATION.value}
    return next((text(one, "image") for one in containers if text(one, "name") in ours), "")
