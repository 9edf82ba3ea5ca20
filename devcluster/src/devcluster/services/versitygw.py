"""versitygw: an S3 server that keeps objects in a directory, for tests."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from devcluster import gotools
from devcluster.services import process
from devcluster.services.process import HOME, HOST, Endpoint, Program, Server

REGION = "us-east-1"
_SYSTEM_USER = "nobody"


class S3(Server):
    """A running S3 server and the key for it."""

    def __init__(self, program: Program, endpoint: Endpoint, access_key: str, secret_key: str) -> None:
        super().__init__(program, endpoint)
        self.access_key = access_key
        self.secret_key = secret_key

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://{self.endpoint}"


@contextmanager
def versitygw() -> Iterator[S3]:
    """An S3 server without buckets. Built from its Go module on first use. Raises DevclusterError."""
    root = process.root_file_system()
    binary = gotools.tool("versitygw")
    with process.home_directory("versitygw") as home:
        shutil.copy(binary, home / binary.name)
        for name in ("data", "meta"):
            (home / name).mkdir()
            process.give(home / name, root, _SYSTEM_USER)
        endpoint = Endpoint(HOST, process.free_port())
        access, secret = secrets.token_hex(8), secrets.token_hex(16)
        options = ("--region", REGION, "--port", str(endpoint))
        arguments = (f"{HOME}/{binary.name}", *options, "posix", "--sidecar", f"{HOME}/meta", f"{HOME}/data")
        environment = {"ROOT_ACCESS_KEY": access, "ROOT_SECRET_KEY": secret}
        program = Program("versitygw", root, _SYSTEM_USER, home, arguments, ("service listening on",), environment)
        server = S3(program, endpoint, access, secret)
        try:
            server.start()
            yield server
        finally:
            server.kill()
