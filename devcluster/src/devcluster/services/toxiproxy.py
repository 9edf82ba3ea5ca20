"""Toxiproxy: a TCP proxy between two services that adds latency, cuts and stalls on demand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import httpx

from devcluster import gotools
from devcluster.services import process
from devcluster.services.process import HOME, HOST, Endpoint, Program, Server

Toxic = Literal["latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data"]
Stream = Literal["downstream", "upstream"]

_SYSTEM_USER = "nobody"
_REQUEST_SECONDS = 5
_CONNECT_RETRIES = 5  # it says that it starts a moment before it listens


class Toxiproxy(Server):
    """A running proxy server; `proxy` opens a way through it."""

    def proxy(self, name: str, upstream: Endpoint) -> Endpoint:
        """Where to connect in order to reach `upstream` through the proxy called `name`."""
        listen = Endpoint(HOST, process.free_port())
        self._call("POST", "/proxies", {"name": name, "listen": str(listen), "upstream": str(upstream)})
        return listen

    @contextmanager
    def toxic(self, proxy: str, kind: Toxic, *, stream: Stream = "downstream", **attributes: int) -> Iterator[None]:
        """Spoils a proxy while the body runs, such as latency=100, jitter=20 (milliseconds) of kind `latency`.

        Attributes are those of Toxiproxy's README. A `timeout` of 0 lets no data through and closes nothing.
        """
        body = {"name": kind, "type": kind, "stream": stream, "attributes": attributes}
        self._call("POST", f"/proxies/{proxy}/toxics", body)
        try:
            yield
        finally:
            self._call("DELETE", f"/proxies/{proxy}/toxics/{kind}", None)

    @contextmanager
    def down(self, proxy: str) -> Iterator[None]:
        """Closes every connection of a proxy and refuses new ones while the body runs."""
        self._call("POST", f"/proxies/{proxy}", {"enabled": False})
        try:
            yield
        finally:
            self._call("POST", f"/proxies/{proxy}", {"enabled": True})

    def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> None:
        transport = httpx.HTTPTransport(retries=_CONNECT_RETRIES)
        with httpx.Client(transport=transport, timeout=_REQUEST_SECONDS, trust_env=False) as client:
            client.request(method, f"http://{self.endpoint}{path}", json=body).raise_for_status()


@contextmanager
def toxiproxy() -> Iterator[Toxiproxy]:
    """A Toxiproxy without proxies. Built from its Go module on first use. Raises DevclusterError."""
    root = process.root_file_system()
    binary = gotools.tool("toxiproxy-server")
    with process.home_directory("toxiproxy") as home:
        shutil.copy(binary, home / binary.name)
        endpoint = Endpoint(HOST, process.free_port())
        arguments = (f"{HOME}/{binary.name}", "-host", endpoint.host, "-port", str(endpoint.port))
        program = Program("toxiproxy", root, _SYSTEM_USER, home, arguments, ready=("Starting HTTP server on endpoint",))
        server = Toxiproxy(program, endpoint)
        try:
            server.start()
            yield server
        finally:
            server.kill()
