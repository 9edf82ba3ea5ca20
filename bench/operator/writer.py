"""StatusWriter: a fake of the controllers behind the objects, driven by watches so that it costs little itself."""

from __future__ import annotations

import json
import threading

import httpx

from tests.control_plane.operator.controllers import healthy
from tests.control_plane.operator.kube import KINDS, Kube

WATCHED = ("Deployment", "StatefulSet", "Cluster", "Pooler", "Job")


class StatusWriter:
    """One watching thread for each kind, for one namespace, as a context manager."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(kind,), daemon=True) for kind in WATCHED]

    def __enter__(self) -> StatusWriter:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=15)

    def _run(self, kind: str) -> None:
        path = KINDS[kind].path(self._namespace)
        while not self._stop.is_set():
            try:
                with self._kube.http.stream(
                    "GET", path, params={"watch": "true", "timeoutSeconds": "10"}, timeout=15
                ) as stream:
                    for line in stream.iter_lines():
                        self._answer(kind, json.loads(line))
            except httpx.HTTPError:
                continue

    def _answer(self, kind: str, event: dict[str, object]) -> None:
        item = event["object"]
        if event["type"] == "DELETED" or not isinstance(item, dict):
            return
        wanted, current = healthy(kind, item), item.get("status", {})
        if any(current.get(key) != value for key, value in wanted.items()):
            self._kube.merge(kind, self._namespace, item["metadata"]["name"], {"status": wanted}, status=True)
