"""One run on the real cluster: pods, pools and load as planned, and what application and PgBouncer counted meanwhile.

The operator is paused for as long: it would put pods and pools back.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench.autoscaler.calibration.plan import Run
from tests.e2e import scaled
from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes
from tests.e2e.members import members

WARM_RATES, WARM_SECONDS, WARM_MIX = "0:30", 10, "page=0.4,read=0.3,write=0.3"
"""Load before a run that nobody looks at: a new pod does everything for the first time, slowly."""
SETTLE = 3.0
"""Seconds between that and the run."""
COUNTED = {
    "cpu": "ip2a_worker_cpu_seconds_total",
    "wait": "cnpg_pgbouncer_stats_total_wait_time",
    "held": "cnpg_pgbouncer_stats_total_xact_time",
    "transactions": "cnpg_pgbouncer_stats_total_xact_count",
}
"""Counters read before and after; PgBouncer's times are microseconds."""
Document = dict[str, Any]


@contextmanager
def stage(kubernetes: Kubernetes) -> Iterator[None]:
    """Small pods, a replica, no autoscaler, the operator paused; afterwards everything as the quickstart has it."""
    limits = {"requests": {"cpu": scaled.CPU}, "limits": {"cpu": scaled.CPU}}
    scaled.patch(
        kubernetes, {"app": {"resources": limits}, "autoscaling": {"mode": "Off"}, "database": {"instances": 2}}
    )
    deployment = ("-n", NAMESPACE, "deployment", f"{RESOURCE}-app")

    def limited() -> bool:
        template = kubernetes.get(*deployment)["spec"]["template"]["spec"]["containers"][0]
        return bool(template["resources"].get("limits", {}).get("cpu") == scaled.CPU)

    kubernetes.eventually(limited, within=60, what="small pods")
    kubernetes.eventually(lambda: kubernetes.is_ready(NAMESPACE, RESOURCE), within=240, what="a replica and small pods")
    kubernetes.run("-n", NAMESPACE, "annotate", "ip2a", RESOURCE, "ip2a.dev/paused=true", "--overwrite")
    try:
        yield
    finally:
        kubernetes.run("-n", NAMESPACE, "annotate", "ip2a", RESOURCE, "ip2a.dev/paused-")
        scaled.patch(kubernetes, {"app": {"resources": None}, "autoscaling": None, "database": {"instances": None}})


def perform(kubernetes: Kubernetes, run: Run) -> Document:
    """Make one run; what was seen, as a document. Takes its length and about half a minute."""
    _size(kubernetes, run)
    people = members(kubernetes)
    with tempfile.TemporaryDirectory() as folder:
        file, fates = Path(folder) / "people", Path(folder) / "requests"
        file.write_text("\n".join(f"{person.token} {person.dues}" for person in people))
        file.chmod(0o600)
        common = ("--people", str(file), "--out", str(Path(folder) / "seconds"))
        _load("--rates", WARM_RATES, "--seconds", str(WARM_SECONDS), "--mix", WARM_MIX, "--seed", "0", *common)
        time.sleep(SETTLE)
        before = _counters(kubernetes)
        rates = ",".join(f"{start:g}:{rate:g}" for start, rate in run.rates)
        mix = ",".join(f"{kind}={weight:g}" for kind, weight in run.mix.items())
        planned = ("--rates", rates, "--seconds", str(run.seconds), "--mix", mix, "--seed", str(run.seed))
        _load(*planned, *common, "--requests", str(fates))
        after = _counters(kubernetes)
        rows = [json.loads(line) for line in fates.read_text().splitlines()]
    return {
        "counted": {name: round(after[name] - before[name], 6) for name in before},
        "milliseconds": [round(1000 * seconds, 1) if 200 <= status < 300 else -1 for _, _, seconds, status in rows],
    }


def _load(*arguments: str) -> None:
    command = [sys.executable, "-m", "tests.e2e.load", *arguments]
    subprocess.run(command, check=True, timeout=180, stdout=subprocess.DEVNULL)


def _size(kubernetes: Kubernetes, run: Run) -> None:
    deployment = f"deployment/{RESOURCE}-app"
    kubernetes.run("-n", NAMESPACE, "scale", deployment, f"--replicas={run.pods}")
    for side, size in (("rw", run.pool_write), ("ro", run.pool_read)):
        parameters = {"default_pool_size": str(size), "max_db_connections": str(size + 2), "reserve_pool_size": "0"}
        patch = json.dumps({"spec": {"pgbouncer": {"parameters": parameters}}})
        kubernetes.run("-n", NAMESPACE, "patch", "pooler", f"{RESOURCE}-pool-{side}", "--type=merge", "-p", patch)
    kubernetes.run("-n", NAMESPACE, "rollout", "status", deployment, "--timeout=120s", timeout=130)
    kubernetes.eventually(lambda: len(_pods(kubernetes, "app")) == run.pods, within=60, what="pods")
    for pooler in ("pool-rw", "pool-ro"):
        name = f"deployment/{RESOURCE}-{pooler}"
        kubernetes.run("-n", NAMESPACE, "rollout", "status", name, "--timeout=120s", timeout=130)


def _pods(kubernetes: Kubernetes, component: str) -> dict[str, str]:
    """Addresses by name."""
    found = kubernetes.get("-n", NAMESPACE, "pods")["items"]
    return {
        pod["metadata"]["name"]: pod["status"]["podIP"]
        for pod in found
        if pod["metadata"]["name"].startswith(f"{RESOURCE}-{component}-") and "deletionTimestamp" not in pod["metadata"]
    }


def _counters(kubernetes: Kubernetes) -> dict[str, float]:
    """Sums over pods: CPU seconds of the application, and by pool PgBouncer's seconds and transactions."""
    pods = _pods(kubernetes, "app").values()
    found = {"elapsed": time.monotonic(), "cpu": sum(_scrape(address, 9100)["cpu"] for address in pods)}
    for side in ("rw", "ro"):
        rows = [_scrape(address, 9127) for address in _pods(kubernetes, f"pool-{side}").values()]
        for name, unit in (("wait", 1e-6), ("held", 1e-6), ("transactions", 1.0)):
            found[f"{side}.{name}"] = unit * sum(row[name] for row in rows)
    return found


def _scrape(address: str, port: int) -> Mapping[str, float]:
    text = httpx.get(f"http://{address}:{port}/metrics", timeout=5).raise_for_status().text
    found = dict.fromkeys(COUNTED, 0.0)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for name, metric in COUNTED.items():
                if sample.name == metric and sample.labels.get("database", "ip2a") == "ip2a":
                    found[name] += sample.value
    return found
