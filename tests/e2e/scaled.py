"""The quickstart's resource in mode Auto, for tests of scaling: load, trouble on purpose, and what became of it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from devcluster import cluster, quickstart
from devcluster.gotools import tool
from ip2a_operator.domain.ledger import SUPERUSER_RESERVED, SYSTEM
from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes
from tests.e2e.members import members

TRACES = Path(__file__).resolve().parents[2] / "artifacts" / "e2e" / "scaling"
"""Every run's figures by second; those that a claim rests on are kept in bench/results."""
CPU = "150m"
"""Requested as well as allowed: how much a pod gets must not hang on what else the machine does."""
POD_MIN, POD_MAX = 2, 6
AUTO: dict[str, Any] = {
    "app": {"resources": {"requests": {"cpu": CPU}, "limits": {"cpu": CPU}}},
    "autoscaling": {"mode": "Auto", "app": {"min": POD_MIN, "max": POD_MAX}, "drainWindowSeconds": 60},
}


@contextmanager
def auto(kubernetes: Kubernetes) -> Iterator[None]:
    """Mode Auto with small pods; afterwards everything is as the spec alone says, and as it was."""
    before = sizes(kubernetes)
    patch(kubernetes, AUTO)

    def is_ours() -> bool:
        found = kubernetes.get("-n", NAMESPACE, "deployment", f"{RESOURCE}-app")
        limits = found["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
        status = found["status"]
        rolled = status.get("updatedReplicas") == status.get("readyReplicas") == status["replicas"]
        ours = found["metadata"]["annotations"].get("ip2a.dev/autoscaled", "").startswith("auto")
        phase = kubernetes.get("-n", NAMESPACE, "cluster", f"{RESOURCE}-db")["status"]["phase"]
        return bool(ours and limits["cpu"] == CPU and rolled and phase == "Cluster in healthy state")

    kubernetes.eventually(is_ours, within=180, what="the autoscaler takes over")
    kubernetes.eventually(
        lambda: condition(kubernetes, "MetricsFresh").get("status") == "True",
        within=120,  # PostgreSQL restarted, and the kubelet's counters of a minute have to fill again
        what="metrics",
    )
    yield
    patch(kubernetes, {"app": {"resources": None}, "autoscaling": {"mode": "Off", "app": None}})
    kubernetes.eventually(
        lambda: sizes(kubernetes) | {"ready": 0} == before | {"ready": 0}, within=60, what="back to the spec"
    )
    patch(kubernetes, {"autoscaling": None})
    kubernetes.run("-n", NAMESPACE, "wait", f"ip2a/{RESOURCE}", "--for=condition=Ready", "--timeout=180s", timeout=200)


@dataclass
class Watcher:
    """Sizes and connections, once a second, until told to stop."""

    kubernetes: Kubernetes
    rows: list[dict[str, int]] = field(default_factory=list)
    failure: BaseException | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            self._run()
        except BaseException as failure:  # raised where the context ends: a gap must not look like few pods
            self.failure = failure

    def _run(self) -> None:
        primary = instance(self.kubernetes, "primary")
        statement = (
            "select count(*) from pg_stat_activity where backend_type = 'client backend' and datname is not null"
        )
        command = [str(tool("kubectl")), "-n", NAMESPACE, "exec", "-i", primary, "-c", "postgres", "--"]
        command += ["psql", "-U", "postgres", "-At", "-q"]
        environment = {**os.environ, "KUBECONFIG": str(cluster.PLANE.kubeconfig)}
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            while not self._stop.wait(1.0):
                process.stdin.write(f"{statement};\n")
                process.stdin.flush()
                connections = int(process.stdout.readline() or 0)
                self.rows.append({"at": int(time.time()), "connections": connections - 1, **sizes(self.kubernetes)})
            process.stdin.close()

    def stop(self) -> None:
        self._stop.set()

    def integral(self, name: str) -> int:
        """Sum over time: pod-seconds of `ready`."""
        pairs = zip(self.rows, self.rows[1:], strict=False)
        return sum(before[name] * (after["at"] - before["at"]) for before, after in pairs)

    def series(self, name: str) -> list[int]:
        return [row[name] for row in self.rows]


@contextmanager
def watching(kubernetes: Kubernetes, name: str) -> Iterator[Watcher]:
    """Watch while the block runs; the rows are kept as a trace."""
    watcher = Watcher(kubernetes)
    thread = threading.Thread(target=watcher.run, daemon=True)
    thread.start()
    try:
        yield watcher
    finally:
        watcher.stop()
        thread.join(timeout=20)
        TRACES.mkdir(parents=True, exist_ok=True)
        (TRACES / f"{name}-sizes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in watcher.rows))
    if watcher.failure is not None:
        raise watcher.failure


@contextmanager
def load(name: str, rates: str, seconds: int, *arguments: str) -> Iterator[list[dict[str, float]]]:
    """Load beside the block; its figures by second are in the list once the block has ended."""
    TRACES.mkdir(parents=True, exist_ok=True)
    out = TRACES / f"{name}-load.jsonl"
    command = [sys.executable, "-m", "tests.e2e.load", "--rates", rates, "--seconds", str(seconds), "--out", str(out)]
    rows: list[dict[str, float]] = []
    with subprocess.Popen([*command, *arguments], stdout=subprocess.DEVNULL) as process:
        try:
            yield rows
            process.wait(timeout=seconds + 60)
        finally:
            process.kill()
    rows += [json.loads(line) for line in out.read_text().splitlines()]


def logins(kubernetes: Kubernetes) -> Path:
    """A file with the tokens of people who are logged in, for `load --tokens`."""
    file = TRACES / "tokens"
    TRACES.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(person.token for person in members(kubernetes)))
    file.chmod(0o600)
    return file


@contextmanager
def writing(kubernetes: Kubernetes, name: str) -> Iterator[list[tuple[float, float, int]]]:
    """Payments of a cent through the ingress beside the block, four a second: (begun, seconds, status)."""
    people, found, stop = members(kubernetes), list[tuple[float, float, int]](), threading.Event()

    def pay() -> None:
        with httpx.Client(base_url=quickstart.URL, timeout=10) as client:
            for person in itertools.cycle(people):
                if stop.wait(0.25):
                    return
                headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": uuid4().hex}
                began = time.time()
                try:
                    path = f"/api/v1/my/dues/{person.dues}/payments"
                    status = client.post(path, headers=headers, json={"amount_cents": 1}).status_code
                except httpx.HTTPError:
                    status = 599
                found.append((began, time.time() - began, status))

    thread = threading.Thread(target=pay, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join(timeout=20)
        TRACES.mkdir(parents=True, exist_ok=True)
        (TRACES / f"{name}-writes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found))


def restored_after(rows: list[dict[str, float]], first: int, calm: int = 30) -> int:
    """Seconds after `first` until the objective holds again, for `calm` seconds at least; a large number if never.

    Counted to the end of a second over the objective, never to the good ones before the first: queues fill up before
    they are late. A hiccup after half a good minute is one of the `violations`, not the same trouble.
    """
    bad, end = violations(rows, first), int(rows[-1]["second"]) + 1
    for second, later in pairwise([*bad, end]):
        if later - second - 1 >= calm:
            return second + 1 - first
    return 10_000 if bad else 0


def violations(rows: list[dict[str, float]], first: int = 0) -> list[int]:
    """Seconds from `first` on in which more than 5 % were late or more than 1 % failed."""
    return [
        int(row["second"])
        for row in rows
        if row["second"] >= first and (row["late"] > 0.05 * row["asked"] or row["failed"] > 0.01 * row["asked"])
    ]


def sizes(kubernetes: Kubernetes) -> dict[str, int]:
    """What is asked for now, in one question: it is asked every second."""
    pools = {side: f"pooler/{RESOURCE}-pool-{side}" for side in ("rw", "ro")}
    names = (f"deployment/{RESOURCE}-app", *pools.values(), f"cluster/{RESOURCE}-db")
    deployment, write, read, database = kubernetes.get("-n", NAMESPACE, *names)["items"]

    def size(pooler: dict[str, Any]) -> int:
        return int(pooler["spec"]["pgbouncer"]["parameters"]["default_pool_size"])

    return {
        "app": deployment["spec"]["replicas"],
        "ready": deployment["status"].get("readyReplicas", 0),
        "rw": size(write),
        "ro": size(read),
        "instances": database["spec"]["instances"],
    }


def budget(kubernetes: Kubernetes) -> int:
    """Connections that the ledger may plan with: what PostgreSQL grants without the superuser's and the system's."""
    parameters = kubernetes.get("-n", NAMESPACE, "cluster", f"{RESOURCE}-db")["spec"]["postgresql"]["parameters"]
    return int(parameters["max_connections"]) - SUPERUSER_RESERVED - SYSTEM


def scaling(kubernetes: Kubernetes) -> dict[str, Any]:
    """`status.autoscaling`, empty when there is none."""
    found: dict[str, Any] = kubernetes.get("-n", NAMESPACE, "ip2a", RESOURCE).get("status", {}).get("autoscaling", {})
    return found


def condition(kubernetes: Kubernetes, kind: str) -> dict[str, Any]:
    """A condition of the resource, empty when it is not there."""
    conditions = kubernetes.get("-n", NAMESPACE, "ip2a", RESOURCE).get("status", {}).get("conditions", [])
    return next((item for item in conditions if item["type"] == kind), {})


def events(kubernetes: Kubernetes, reason: str) -> list[str]:
    """Notes of events about the resource, oldest first."""
    items = kubernetes.get("-n", NAMESPACE, "events.events.k8s.io")["items"]
    about = [item for item in items if item["regarding"]["kind"] == "IP2A" and item["reason"] == reason]
    return [item["note"] for item in sorted(about, key=lambda item: item["eventTime"] or "")]


def patch(kubernetes: Kubernetes, spec: dict[str, Any]) -> None:
    """Merge into the resource's spec."""
    body = json.dumps({"spec": spec})
    kubernetes.run("-n", NAMESPACE, "patch", "ip2a", RESOURCE, "--type=merge", "-p", body)


def instance(kubernetes: Kubernetes, role: str) -> str:
    """Name of the pod of the database's primary or of a replica."""
    selector = f"cnpg.io/cluster={RESOURCE}-db,cnpg.io/instanceRole={role}"
    return kubernetes.run("-n", NAMESPACE, "get", "pods", "-l", selector, "-o", "jsonpath={.items[0].metadata.name}")


@contextmanager
def pgbench(kubernetes: Kubernetes, script: str, clients: int, seconds: int, *, through: str = "") -> Iterator[None]:
    """pgbench in the primary's pod beside the block, as the application through a pooler or as superuser without."""
    pod = instance(kubernetes, "primary")
    where = "-U postgres"
    if through:
        secret = kubernetes.get("-n", NAMESPACE, "secret", f"{RESOURCE}-db-app")["data"]["password"]
        where = f"-h {through} -U ip2a_app"
        login = f"export PGPASSWORD=$(echo {secret} | base64 -d) PGSSLMODE=require; "
    else:
        login = ""
    run = f"pgbench -n -f - -c {clients} -j 1 -T {seconds} {where} ip2a"
    inner = f"{login}export PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin); exec {run}"
    command = [str(tool("kubectl")), "-n", NAMESPACE, "exec", "-i", pod, "-c", "postgres", "--", "sh", "-c", inner]
    with tempfile.TemporaryFile("w+") as said:
        environment = {**os.environ, "KUBECONFIG": str(cluster.PLANE.kubeconfig)}
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=said, stderr=said, text=True
        ) as process:
            assert process.stdin is not None
            process.stdin.write(script)
            process.stdin.close()
            try:
                yield
                status = process.wait(timeout=seconds + 60)
            finally:
                process.kill()
        said.seek(0)
        assert status == 0, said.read()
