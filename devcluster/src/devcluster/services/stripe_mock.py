"""stripe-mock: answers requests that Stripe's API description allows, and refuses the others. It remembers nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from devcluster import gotools
from devcluster.services import process
from devcluster.services.process import HOME, HOST, Endpoint, Program, Server

_SYSTEM_USER = "nobody"


@contextmanager
def stripe_mock() -> Iterator[Server]:
    """A stripe-mock. Built from its Go module on first use. Raises DevclusterError."""
    root = process.root_file_system()
    binary = gotools.tool("stripe-mock")
    with process.home_directory("stripe-mock") as home:
        shutil.copy(binary, home / binary.name)
        endpoint = Endpoint(HOST, process.free_port())
        arguments = (f"{HOME}/{binary.name}", "-http-addr", str(endpoint))
        program = Program("stripe-mock", root, _SYSTEM_USER, home, arguments, ready=("Listening for HTTP",))
        server = Server(program, endpoint)
        try:
            server.start()
            yield server
        finally:
            server.kill()
