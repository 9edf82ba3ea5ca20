"""Changes while members work, through the ingress, on kept-alive connections, without a retry: nothing fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.e2e import images, measured
from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes
from tests.e2e.members import Conversation, Member, members
from tests.e2e.unretried_load import load

pytestmark = pytest.mark.full  # five minutes

CONNECTIONS = 64
PER_SECOND = 210
"""Asked for; 200 must be answered."""
WARM_UP_SECONDS = 3
AFTERWARDS_SECONDS = 3
CHANGE_SECONDS = 240
"""A new key takes two rollouts."""
APP = f"ip2a.dev/owner={RESOURCE},app.kubernetes.io/component=app"
REDIS = f"ip2a.dev/owner={RESOURCE},app.kubernetes.io/component=cache"
WRITE_POOL = f"cnpg.io/poolerName={RESOURCE}-pool-rw"
KEYS = f"{RESOURCE}-app-keys"


@pytest.fixture(scope="module")
def people(kubernetes: Kubernetes) -> list[Member]:
    return members(kubernetes)


def _replaced(kubernetes: Kubernetes, before: dict[str, str]) -> bool:
    """Whether none of the old pods is left, also none that is ending, and all is settled."""
    left = kubernetes.names("-n", NAMESPACE, "pods", "-l", APP)
    return not left & {f"pod/{name}" for name in before} and kubernetes.is_ready(NAMESPACE, RESOURCE)


def _new_image(kubernetes: Kubernetes) -> Callable[[], bool]:
    deployment = kubernetes.get("-n", NAMESPACE, "deployment", f"{RESOURCE}-app")
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    new = f"{image.rpartition(':')[0]}:upgraded-{int(time.time())}"
    images.rename(kubernetes, image, new)
    before = kubernetes.pods(NAMESPACE, APP)
    kubernetes.patch(NAMESPACE, RESOURCE, {"app": {"image": new}})
    return lambda: _replaced(kubernetes, before)


def _rotate(kubernetes: Kubernetes, what: str) -> None:
    annotation = f"ip2a.dev/rotate={what}={int(time.time())}"
    kubernetes.run("-n", NAMESPACE, "annotate", "ip2a", RESOURCE, "--overwrite", annotation)


def _rotated_password(kubernetes: Kubernetes) -> Callable[[], bool]:
    """The pods are replaced, because their login is."""
    before = kubernetes.pods(NAMESPACE, APP)
    _rotate(kubernetes, "database")
    return lambda: _replaced(kubernetes, before)


def _rotated_cache(kubernetes: Kubernetes) -> Callable[[], bool]:
    """Redis is replaced, and then the pods."""
    pods, redis = kubernetes.pods(NAMESPACE, APP), kubernetes.pods(NAMESPACE, REDIS)
    _rotate(kubernetes, "cache")

    def done() -> bool:  # a StatefulSet's pod keeps its name
        now = kubernetes.pods(NAMESPACE, REDIS)
        return now.keys() == redis.keys() and not now.items() & redis.items() and _replaced(kubernetes, pods)

    return done


def _rotated_key(kubernetes: Kubernetes) -> Callable[[], bool]:
    """The pods are replaced twice: they learn the new key, and then use it. Tokens are of the old one."""
    before = kubernetes.pods(NAMESPACE, APP)
    key = kubernetes.secret(NAMESPACE, KEYS, "jwt-key")
    _rotate(kubernetes, "jwt")

    def done() -> bool:
        adopted = kubernetes.secret(NAMESPACE, KEYS, "jwt-key") != key
        return adopted and _replaced(kubernetes, before)

    return done


def _resized_pooler(kubernetes: Kubernetes) -> Callable[[], bool]:
    """Other connections, and another CPU request, for which the pooler's pod is replaced; back at the next time."""
    before = kubernetes.pods(NAMESPACE, WRITE_POOL)
    spec = kubernetes.get("-n", NAMESPACE, "ip2a", RESOURCE)["spec"]
    larger = spec.get("pooling", {}).get("write", {}).get("size") != 9
    resources = {"requests": {"cpu": "35m" if larger else "30m"}}
    kubernetes.patch(NAMESPACE, RESOURCE, {"pooling": {"write": {"size": 9 if larger else 8}, "resources": resources}})

    def done() -> bool:
        left = kubernetes.names("-n", NAMESPACE, "pods", "-l", WRITE_POOL)
        return not left & {f"pod/{name}" for name in before} and kubernetes.is_ready(NAMESPACE, RESOURCE)

    return done


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("image", _new_image),
        ("password", _rotated_password),
        ("pooler", _resized_pooler),
        ("cache", _rotated_cache),
        ("jwt", _rotated_key),  # the last: people's tokens are valid for one rotation of the key
    ],
    ids=["image", "password", "pooler", "cache", "jwt"],
)
def test_nothing_fails_meanwhile(
    kubernetes: Kubernetes, people: list[Member], case: str, change: Callable[[Kubernetes], Callable[[], bool]]
) -> None:
    with load(Conversation(people), host="localhost", connections=CONNECTIONS, per_second=PER_SECOND) as report:
        time.sleep(WARM_UP_SECONDS)
        done = change(kubernetes)
        kubernetes.eventually(done, within=CHANGE_SECONDS, what=f"{case} is changed")
        time.sleep(AFTERWARDS_SECONDS)
    measured.keep("rollout_failed_requests", case, len(report.failures))
    print(json.dumps({case: str(report)}))
    assert not report.failures, str(report)
    assert report.per_second >= 200, str(report)
    assert report.writes >= (report.reads + report.writes) // 11
