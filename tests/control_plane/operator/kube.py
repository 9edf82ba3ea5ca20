"""A small client of the API server for tests: what a person with kubectl would do, without starting kubectl."""

import base64
import json
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

from ip2a_operator.api.kinds import BY_KIND, OWNED, RESOURCE, Kind
from ip2a_operator.names import OWNER_LABEL

T = TypeVar("T")
Json = dict[str, Any]
KINDS = {kind.kind: kind for kind in (RESOURCE, *OWNED)}
EVENTS = Kind("events.k8s.io", "v1", "Event", "events")


class Kube:
    """The administrator's client."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
        self.http = httpx.Client(base_url=cluster["server"], verify=context, timeout=30)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.http.request(method, path, **options)

    def get(self, kind: str, namespace: str, name: str) -> Json | None:
        response = self.request("GET", KINDS[kind].path(namespace, name))
        return None if response.status_code == 404 else _json(response)

    def list(self, kind: str, namespace: str) -> list[Json]:
        where = (EVENTS if kind == "Event" else KINDS[kind]).path(namespace)
        items: list[Json] = _json(self.request("GET", where)).get("items", [])
        return items

    def owned(self, namespace: str) -> dict[tuple[str, str], Json]:
        """Everything that carries the owner label."""
        found = {}
        for kind in OWNED:
            response = self.request("GET", kind.path(namespace), params={"labelSelector": OWNER_LABEL})
            if response.status_code == 404:
                continue
            for item in _json(response)["items"]:
                found[kind.kind, item["metadata"]["name"]] = {**item, **kind.header()}
        return found

    def apply(self, manifest: Json, *, manager: str = "test", dry_run: bool = False) -> httpx.Response:
        kind = BY_KIND[manifest["apiVersion"], manifest["kind"]]
        metadata = manifest["metadata"]
        params = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
        if dry_run:
            params["dryRun"] = "All"
        return self.request(
            "PATCH",
            kind.path(metadata["namespace"], metadata["name"]),
            content=yaml.safe_dump(manifest),
            params=params,
            headers={"Content-Type": "application/apply-patch+yaml"},
        )

    def merge(
        self, kind: str, namespace: str, name: str, patch: Json, *, status: bool = False, manager: str = "test"
    ) -> httpx.Response:
        path = KINDS[kind].path(namespace, name) + ("/status" if status else "")
        headers = {"Content-Type": "application/merge-patch+json"}
        params = {"fieldManager": manager}
        return self.request("PATCH", path, content=json.dumps(patch), headers=headers, params=params)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        # Background, as kubectl does it; the API's own default for Jobs waits for a controller that is not
        # here.
        self.request("DELETE", KINDS[kind].path(namespace, name), params={"propagationPolicy": "Background"})

    @contextmanager
    def namespace(self, name: str) -> Iterator[str]:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        assert self.request("POST", "/api/v1/namespaces", json=body).status_code == 201
        yield name


def eventually(what: str, probe: Callable[[], T], *, seconds: float = 40.0) -> T:
    """The first truthy answer of the probe; fails naming what was waited for and the last answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last: {answer!r}")
        time.sleep(0.05)


def condition(resource: Json | None, kind: str) -> Json:
    """A condition of a resource, or an empty one."""
    conditions = (resource or {}).get("status", {}).get("conditions", [])
    return next((item for item in conditions if item["type"] == kind), {})


def _decoded(text: str) -> bytes:
    return base64.b64decode(text)


def _json(response: httpx.Response) -> Json:
    assert response.status_code < 300, response.text
    answer: Json = response.json()
    return answer
