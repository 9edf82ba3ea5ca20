"""What runs beside serving: a report that the worker makes, and every nightly job, run now."""

from __future__ import annotations

import json

import httpx

from tests.e2e.kubernetes import NAMESPACE, RESOURCE, Kubernetes

REPORT_SECONDS = 30
JOB_SECONDS = 90


def test_a_report_is_made_by_the_worker(http: httpx.Client, kubernetes: Kubernetes, password: str) -> None:
    answer = http.post("/api/v1/auth/login", json={"email": "officer@local46.example", "password": password})
    assert answer.status_code == 200, answer.text
    headers = {"X-CSRF-Token": http.get("/api/v1/auth/me").json()["csrf_token"]}
    asked = http.post("/api/v1/reports", json={"kind": "roster", "format": "csv"}, headers=headers)
    assert asked.status_code == 202, asked.text
    path = f"/api/v1/reports/{asked.json()['id']}"

    def finished() -> bool:
        return http.get(path).json()["state"] in {"done", "failed"}

    kubernetes.eventually(finished, within=REPORT_SECONDS, what="the report is made")
    made = http.get(path).json()
    assert made["state"] == "done", made
    lines = http.get(f"{path}/file").text.splitlines()
    assert len(lines) == made["row_count"] + 1, "a line for each member, and the header"


def test_every_nightly_job_runs(kubernetes: Kubernetes) -> None:
    selector = f"ip2a.dev/owner={RESOURCE}"
    jobs = {name.rpartition("/")[2] for name in kubernetes.names("-n", NAMESPACE, "cronjobs", "-l", selector)}
    assert f"{RESOURCE}-mark-overdue" in jobs
    for job in jobs:
        kubernetes.run("-n", NAMESPACE, "create", "job", f"now-{job}", f"--from=cronjob/{job}")

    def finished() -> bool:
        items = [kubernetes.get("-n", NAMESPACE, "job", f"now-{job}") for job in jobs]
        conditions = [one for item in items for one in item.get("status", {}).get("conditions", [])]
        failed = [one for one in conditions if (one["type"], one["status"]) == ("Failed", "True")]
        assert not failed, json.dumps(failed)
        return sum((one["type"], one["status"]) == ("Complete", "True") for one in conditions) == len(jobs)

    kubernetes.eventually(finished, within=JOB_SECONDS, what="every job is done")
    kubernetes.run("-n", NAMESPACE, "delete", "job", *(f"now-{job}" for job in sorted(jobs)), "--wait=false")
