"""Which database login pods use: two take turns, so that a new password never meets a pod with the old one.

PostgreSQL knows one password a role. So the application has two roles, the second a member of the first, and each
rotation goes to the one that rests: it gets a new password; CloudNativePG makes it known; pods are replaced one by
one; and the other one may no longer log in once no pod uses it. All of that stands on the objects: a serial number
and the token on the Secrets, the login in use on pod templates and pods.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from ip2a_operator.domain.observed import Live, Observed, workload
from ip2a_operator.domain.tree import branch, text
from ip2a_operator.names import COMPONENT_LABEL, LOGIN_ANNOTATION, ROTATED_ANNOTATION, SERIAL_ANNOTATION

Slot = Literal["a", "b"]
SECOND_SUFFIX: Final = "_b"
CNPG: Final = "postgresql.cnpg.io/v1"
_FINISHED: Final = frozenset({"Succeeded", "Failed"})
_USERS: Final = frozenset({"app", "worker"})
"""Components whose pods use a login that takes turns."""


@dataclass(frozen=True, slots=True)
class Logins:
    """Where a rotation is."""

    serving: Slot = "a"
    """What new pods use."""
    newest: Slot = "a"
    """What has the newest password; pods follow once the database knows it."""
    second: bool = False
    """Whether the second login exists, or is about to."""
    enabled: frozenset[Slot] = frozenset({"a"})
    """What may log in."""
    rotate: bool = False
    """Whether the login that rests is to get a new password now."""
    serial: int = 0
    """Of the newest password."""

    @property
    def resting(self) -> Slot:
        """The one that a rotation goes to."""
        return "a" if self.newest == "b" else "b"


def slot_of(tree_or_template: object) -> Slot:
    """The login of a pod or of a pod template."""
    return "b" if isinstance(tree_or_template, dict) and _annotation(tree_or_template) == "b" else "a"


def _annotation(tree: dict[str, object]) -> str:
    return text(tree, "metadata", "annotations", LOGIN_ANNOTATION)


def role(name: str, slot: Slot) -> str:
    """The database role of a login."""
    return name if slot == "a" else name + SECOND_SUFFIX


def secret(name: str, slot: Slot) -> str:
    """The Secret of a login."""
    return name if slot == "a" else f"{name}-b"


def logins(name: str, roles: Iterable[tuple[str, str]], observed: Observed, token: str) -> Logins:
    """Where the rotation of a resource is. `roles`: role and Secret of each login that takes turns, the app's first;
    `token`: the rotation that is asked for, or an empty string."""
    pairs = tuple(roles)
    _, main = pairs[0]
    first, other = (observed.get("v1", "Secret", secret(main, slot)) for slot in ("a", "b"))
    serials: dict[Slot, int] = {"a": _serial(first, 0), "b": _serial(other, -1)}
    newest: Slot = "b" if serials["b"] > serials["a"] else "a"
    current = other if newest == "b" else first
    asked = token != "" and current is not None and current.annotation(ROTATED_ANNOTATION) != token
    deployments = [observed.get("apps/v1", "Deployment", f"{name}-{kind}") for kind in ("app", "worker")]
    followed = any(live and _template_slot(live) == newest for live in deployments[:1])
    known = serials[newest] <= 0 or all(_is_known(observed, name, pair, newest) for pair in pairs)
    serving: Slot = newest if followed or known else ("a" if newest == "b" else "b")
    used: set[Slot] = {newest, serving}
    for live in filter(None, deployments):
        if not workload(live).rolled_out:
            used |= {"a", "b"} if other else {"a"}
        used.add(_template_slot(live))
    used |= {slot_of(dict(pod.tree)) for pod in observed.of_kind("Pod") if _is_user(pod)}
    settled = used == {newest}
    return Logins(
        serving=serving,
        newest=newest,
        second=other is not None or asked,
        enabled=frozenset(used),
        rotate=asked and settled,
        serial=max(serials.values()),
    )


def _serial(live: Live | None, otherwise: int) -> int:
    number = live.annotation(SERIAL_ANNOTATION) if live else ""
    return int(number) if number.isdigit() else otherwise


def _template_slot(live: Live) -> Slot:
    return slot_of(dict(branch(live.tree, "spec", "template")))


def _is_user(pod: Live) -> bool:
    component = text(pod.tree, "metadata", "labels", COMPONENT_LABEL)
    return component in _USERS and text(pod.tree, "status", "phase") not in _FINISHED


def _is_known(observed: Observed, name: str, pair: tuple[str, str], slot: Slot) -> bool:
    """Whether CloudNativePG says that the database has exactly this Secret's password."""
    live = observed.get("v1", "Secret", secret(pair[1], slot))
    cluster = observed.get(CNPG, "Cluster", f"{name}-db")
    if live is None or cluster is None:
        return False
    states = branch(cluster.tree, "status", "managedRolesStatus", "passwordStatus")
    version = text(states, role(pair[0], slot), "resourceVersion")
    return version != "" and version == text(live.tree, "metadata", "resourceVersion")
