"""Redis as the product uses it: a cache with a password that may lose everything at any time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from redis import Redis as Client

from devcluster.services import process
from devcluster.services.process import HOME, HOST, Endpoint, Program, Server

_DEFAULTS = {
    "save": '""',
    "appendonly": "no",
    "maxmemory": "64mb",
    "maxmemory-policy": "allkeys-lru",
}


class Redis(Server):
    """A running Redis and the password for it."""

    def __init__(self, program: Program, endpoint: Endpoint, password: str) -> None:
        super().__init__(program, endpoint)
        self.password = password

    @property
    def url(self) -> str:
        """For redis.from_url; holds the password."""
        return f"redis://:{self.password}@{self.endpoint}/0"

    def flush(self) -> None:
        """Forgets every key, as an eviction of everything would."""
        with Client.from_url(self.url, socket_timeout=5, socket_connect_timeout=5) as client:
            client.flushall()


@contextmanager
def redis(*, parameters: Mapping[str, str] | None = None) -> Iterator[Redis]:
    """A Redis with lines of redis.conf `parameters` over our defaults. Raises DevclusterError."""
    root = process.root_file_system()
    password = secrets.token_urlsafe(16)
    with process.home_directory("redis") as home:
        endpoint = Endpoint(HOST, process.free_port())
        own = {"bind": HOST, "port": str(endpoint.port), "dir": HOME, "requirepass": password}
        lines = {**_DEFAULTS, **(parameters or {}), **own}
        text = "".join(f"{name} {value}\n" for name, value in lines.items())
        process.write(home / "redis.conf", text, root, "redis")
        program = Program(
            name="redis",
            root=root,
            user="redis",
            home=home,
            arguments=("redis-server", f"{HOME}/redis.conf"),
            ready=("Ready to accept connections",),
        )
        server = Redis(program, endpoint, password)
        try:
            server.start()
            yield server
        finally:
            server.kill()
