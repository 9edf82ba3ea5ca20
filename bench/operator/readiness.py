"""ReadyWatch: which resources are Ready, followed by a watch: to list hundreds again and again would load the API
server that is being measured."""

from __future__ import annotations

import json
import threading

import httpx

from ip2a_operator.api.kinds import RESOURCE
from tests.control_plane.operator.kube import Kube, condition


class ReadyWatch:
    """Follows one namespace in a thread of its own, as a context manager."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._path = RESOURCE.path(namespace)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready: set[str] = set()

    def __enter__(self) -> ReadyWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=15)

    def count(self) -> int:
        """How many are Ready."""
        return len(self._ready)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._kube.http.stream(
                    "GET", self._path, params={"watch": "true", "timeoutSeconds": "10"}, timeout=15
                ) as stream:
                    for line in stream.iter_lines():
                        self._take(json.loads(line)["object"])
            except httpx.HTTPError:
                continue

    def _take(self, item: dict[str, object]) -> None:
        metadata = item["metadata"]
        assert isinstance(metadata, dict)
        if condition(item, "Ready").get("status") == "True":
            self._ready.add(metadata["name"])
        else:
            self._ready.discard(metadata["name"])
