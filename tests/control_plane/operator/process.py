"""The operator as a process of its own, against a control plane: started, stopped, killed."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.control_plane.operator.kube import eventually

IMAGES = {
    "APP": "ghcr.io/ip2a/ip2a-app:1.0.0",
    "POSTGRESQL": "ghcr.io/cloudnative-pg/postgresql:17",
    "POSTGRESQL_BACKUP": "ghcr.io/cloudnative-pg/postgresql:17-system",
    "PGBOUNCER": "ghcr.io/cloudnative-pg/pgbouncer:1.24.1",
    "REDIS": "docker.io/library/redis:8.0",
    "REDIS_EXPORTER": "docker.io/oliver006/redis_exporter:v1.74.0",
}


# In the image the user has a number and no name; asking for it is an error there, so it is one here.
_AS_IN_A_CONTAINER = """\
import getpass, sys

def nameless():
    raise OSError("No username set in the environment")

getpass.getuser = nameless
from ip2a_operator.main import main
sys.exit(main())
"""


class OperatorProcess:
    """One replica of the operator that serves one namespace."""

    def __init__(
        self,
        kubeconfig: Path,
        namespace: str,
        log: Path,
        *,
        name: str = "one",
        settings: dict[str, str] | None = None,
    ) -> None:
        self.port = _free_port()
        self._log = log
        self._environment = {
            **os.environ,
            **{f"IP2A_OPERATOR_IMAGE_{key}": value for key, value in IMAGES.items()},
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": "operator/src",
            "PYTHONWARNINGS": "default",
            "IP2A_OPERATOR_NAMESPACES": namespace,
            "IP2A_OPERATOR_POD_NAMESPACE": namespace,
            "IP2A_OPERATOR_POD_NAME": name,
            "IP2A_OPERATOR_PORT": str(self.port),
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "OperatorProcess":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _AS_IN_A_CONTAINER], env=self._environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """Without warning, as a node that loses power."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=10)
        self._process = None

    def stop(self) -> int:
        """With SIGTERM; its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(timeout=30)
        self._process = None
        return status

    def exit_status(self) -> int | None:
        """None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def wait_ready(self) -> None:
        eventually("operator ready", lambda: self.probe("readyz"), seconds=30)

    def probe(self, path: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/{path}", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric's samples that have these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(value for line, value in self._samples(name) if all(item in line for item in wanted))

    def mutations(self) -> float:
        """Requests that change something, other than of the Lease."""
        verbs = [f'verb="{verb}"' for verb in ("patch", "post", "put", "delete")]
        samples = self._samples("ip2a_operator_api_requests_total")  # one scrape: the Lease is renewed meanwhile
        return sum(v for line, v in samples if any(verb in line for verb in verbs) and 'kind="Lease"' not in line)

    def _samples(self, name: str) -> list[tuple[str, float]]:
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=5).text
        lines = [line for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        return [(line, float(line.rpartition(" ")[2])) for line in lines]

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
