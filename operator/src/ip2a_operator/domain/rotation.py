"""How far the rotations of generated Secrets are that people ask for by an annotation of the resource.

A value that readers check and others make (a key) is announced before it is adopted: a pod that signs with the new one
is understood by those that still sign with the old one.
"""

from collections.abc import Mapping

from ip2a_operator.domain.actions import RotateSecret
from ip2a_operator.domain.builders.secrets import GeneratedSecret
from ip2a_operator.domain.facts import DIGESTS
from ip2a_operator.domain.logins import secret
from ip2a_operator.domain.observed import Live
from ip2a_operator.domain.stack import Stack
from ip2a_operator.domain.tree import strings
from ip2a_operator.names import ANNOUNCED_ANNOTATION, ROTATE_ANNOTATION, ROTATED_ANNOTATION


def rotations(annotations: Mapping[str, str]) -> dict[str, str]:
    """`jwt=2026-11,cache=7` as a map."""
    pairs = (item.partition("=") for item in annotations.get(ROTATE_ANNOTATION, "").split(","))
    return {what.strip(): token.strip() for what, _, token in pairs if token.strip()}


def due(stack: Stack, generated: GeneratedSecret, live: Live) -> RotateSecret | None:
    """What is to be done with a Secret at once."""
    rotation = generated.rotation
    if rotation is None:
        return None
    if rotation.turns:
        rests = generated.name in {secret(where, stack.logins.resting) for _, where in stack.turns}
        token = rotations(stack.resource.annotations).get(rotation.what, "")
        serial = stack.logins.serial + 1
        return RotateSecret(generated, token, serial=serial) if stack.logins.rotate and rests else None
    token = _asked(stack, generated, live)
    if not token:
        return None
    if not rotation.announced:
        return RotateSecret(generated, token)
    return None if _is_announced(generated, live, token) else RotateSecret(generated, token, "announce")


def adoption(stack: Stack, generated: GeneratedSecret, live: Live) -> RotateSecret | None:
    """The use of an announced value, for when every reader has it."""
    token = _asked(stack, generated, live)
    if not token or not _is_announced(generated, live, token):
        return None
    return RotateSecret(generated, token, "adopt")


def _asked(stack: Stack, generated: GeneratedSecret, live: Live) -> str:
    """The token of a rotation that is not done; empty when none is asked for."""
    what = generated.rotation.what if generated.rotation else ""
    token = rotations(stack.resource.annotations).get(what, "")
    return "" if token == live.annotation(ROTATED_ANNOTATION) else token


def _is_announced(generated: GeneratedSecret, live: Live, token: str) -> bool:
    """Whether readers are given the new value of exactly this rotation."""
    rotation = generated.rotation
    kept = rotation is not None and rotation.announced and rotation.keep in strings(live.tree, DIGESTS)
    return kept and live.annotation(ANNOUNCED_ANNOTATION) == token
