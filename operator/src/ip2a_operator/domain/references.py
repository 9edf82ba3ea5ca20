"""Secrets and ConfigMaps that people make and a spec only names: when one changes, the pods that use it are replaced.

What a Deployment's pods started with stands on the Deployment: the first digest seen is a baseline beside the pod
template, and only a digest that differs from it enters the template. So learning of a reference (an operator that has
just been upgraded) restarts nothing. What cannot be read, or is not there, changes nothing either.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ip2a_operator.api.v1alpha1 import IP2ASpec
from ip2a_operator.domain.builders.metadata import digest
from ip2a_operator.domain.observed import Live, Ref, ref_of
from ip2a_operator.domain.tree import Manifest, branch, branches, strings, text
from ip2a_operator.names import BASELINE_ANNOTATION, REFERENCES_ANNOTATION

SOURCES: Final = {
    "secretKeyRef": "Secret",
    "secretRef": "Secret",
    "secret": "Secret",
    "configMapKeyRef": "ConfigMap",
    "configMapRef": "ConfigMap",
    "configMap": "ConfigMap",
}
"""How a pod names what it reads, in variables, sources of variables and volumes."""
_LISTS: Final = ("env", "envFrom")


def named(spec: IP2ASpec) -> frozenset[Ref]:
    """What the operator has to read to know whether pods of this spec must be replaced."""
    external, cache = spec.database.external, spec.cache.external
    secrets = [
        *(section.credentials for section in (spec.storage, spec.mail, spec.payments) if section is not None),
        *((external.secret, external.ca) if external is not None else ()),
        cache.secret if cache is not None else None,
    ]
    app = spec.app
    given = [*(variable.value_from for variable in app.env), *app.env_from, *app.volumes]
    return frozenset(Ref("v1", "Secret", secret.name) for secret in secrets if secret is not None) | {
        ref for ref, _ in _references(given)
    }


def followed(manifest: Manifest, live: Live | None, digests: Mapping[Ref, str], generated: Iterable[str]) -> Manifest:
    """A Deployment's manifest with the digest of what its pods read, as far as that is known.

    `digests`: of what `named` gave, empty where there is no such object and missing where nothing is known yet;
    `generated`: Secrets whose changes are followed otherwise.
    """
    if ref_of(manifest).kind != "Deployment":
        return manifest
    ours = frozenset(generated)
    used = {(ref, needed) for ref, needed in _used(manifest) if ref.name not in ours}
    if not used:
        return manifest
    template = branch(live.tree, "spec", "template") if live else {}
    rolled = text(template, "metadata", "annotations", REFERENCES_ANNOTATION)
    baseline = live.annotation(BASELINE_ANNOTATION) if live else ""
    if all(digests.get(ref) or (not needed and ref in digests) for ref, needed in used):
        present = digest(sorted({(*ref, digests[ref]) for ref, _ in used}))
        baseline = baseline or present
        rolled = present if rolled or present != baseline else ""
    made = _annotated(manifest, {BASELINE_ANNOTATION: baseline})
    spec = branch(made, "spec")
    return {**made, "spec": {**spec, "template": _annotated(branch(spec, "template"), {REFERENCES_ANNOTATION: rolled})}}


def _used(manifest: Manifest) -> set[tuple[Ref, bool]]:
    """What the pods of a workload read, and whether they cannot start without it."""
    pod = branch(manifest, "spec", "template", "spec")
    parts = [part for container in branches(pod, "containers") for key in _LISTS for part in branches(container, key)]
    return set(_references([*parts, *branches(pod, "volumes")]))


def _references(node: object) -> Iterator[tuple[Ref, bool]]:
    """References anywhere in sources of variables and in volumes, projected ones included."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            kind = SOURCES.get(key)
            name = (value.get("name") or value.get("secretName")) if kind and isinstance(value, Mapping) else None
            if kind and isinstance(name, str):
                yield Ref("v1", kind, name), value.get("optional") is not True
            else:
                yield from _references(value)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for item in node:
            yield from _references(item)


def _annotated(tree: Manifest, annotations: Mapping[str, str]) -> Manifest:
    """A copy with these annotations as well; those with an empty value are left out."""
    wanted = {**strings(tree, "metadata", "annotations"), **{key: value for key, value in annotations.items() if value}}
    if not wanted:
        return tree
    return {**tree, "metadata": {**branch(tree, "metadata"), "annotations": wanted}}
