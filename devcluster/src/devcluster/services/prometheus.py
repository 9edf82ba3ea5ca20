"""Prometheus and Alertmanager on this host, with the configuration under test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import yaml

from devcluster.services import process
from devcluster.services.process import HOME, HOST, Endpoint, Program, Server

_SYSTEM_USER = "prometheus"


@contextmanager
def prometheus(config: Mapping[str, object], *, rules: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A Prometheus with prometheus.yml `config`; its rules are the YAML texts `rules` by file name.

    `config` needs no `rule_files`. Raises DevclusterError; Prometheus says what is wrong with a config.
    """
    files = {f"rules-{name}": text for name, text in (rules or {}).items()}
    whole = {**config, "rule_files": [f"{HOME}/{name}" for name in files]}
    endpoint = Endpoint(HOST, process.free_port())
    arguments = (
        "prometheus",
        f"--config.file={HOME}/prometheus.yml",
        f"--storage.tsdb.path={HOME}/data",
        f"--web.listen-address={endpoint}",
        "--web.enable-lifecycle",
        "--rules.alert.resend-delay=1s",  # the first may come before the Alertmanager is discovered
    )
    files["prometheus.yml"] = yaml.safe_dump(whole)
    with _server("prometheus", arguments, files, "Server is ready to receive web requests", endpoint) as server:
        yield server


@contextmanager
def alertmanager(config: Mapping[str, object]) -> Iterator[Server]:
    """An Alertmanager of its own (no cluster) with alertmanager.yml `config`. Raises DevclusterError."""
    endpoint = Endpoint(HOST, process.free_port())
    arguments = (
        "prometheus-alertmanager",
        f"--config.file={HOME}/alertmanager.yml",
        f"--storage.path={HOME}/data",
        f"--web.listen-address={endpoint}",
        "--cluster.listen-address=",
    )
    files = {"alertmanager.yml": yaml.safe_dump(dict(config))}
    with _server("alertmanager", arguments, files, f"Listening on.*{endpoint.port}", endpoint) as server:
        yield server


@contextmanager
def _server(
    name: str, arguments: tuple[str, ...], files: Mapping[str, str], ready: str, endpoint: Endpoint
) -> Iterator[Server]:
    root = process.root_file_system()
    with process.home_directory(name) as home:
        for file, text in files.items():
            process.write(home / file, text, root, _SYSTEM_USER)
        program = Program(name, root, _SYSTEM_USER, home, arguments, ready=(ready,))
        server = Server(program, endpoint)
        try:
            server.start()
            yield server
        finally:
            server.kill()
