"""The quickstart on the embedded cluster: people in its database, what its pods counted and used."""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.app.stage import JOBS, PASSWORD, TICKS
from bench.load.users import BY_PASSWORD
from devcluster import quickstart
from ip2a.security.passwords import PasswordHasher

FIRST = 1_000_001  # beyond every number of the demo data; they stay in the database
OPS_PORT = 9100
WATCH_SECONDS = 10.0
PROGRAMS = {
    "traefik": "Traefik",
    "pgbouncer": "PgBouncers",
    "postgres": "PostgreSQL instances",
    "redis-server": "Redis",
    "prometheus": "Prometheus",
}
"""Processes of pods worth a row, by the kernel's name of the program."""

PEOPLE = """
SET session_replication_role = replica; -- past the audit triggers, as a restored dump would come
BEGIN;
INSERT INTO members (id, member_number, first_name, last_name, address, city, state, zip_code,
                     phone, email, hire_date, status, classification)
SELECT n, 'B' || n, 'Bench', 'Member ' || n, n || ' Cedar St', 'Kent', 'WA', '98032',
       '(206) 555-0100', n || '@bench.example', '2020-01-01', 'active', 'journeyman'
FROM generate_series({first}, {last}) n ON CONFLICT DO NOTHING;
INSERT INTO users (id, email, password_hash, first_name, last_name, member_id)
SELECT n, n || '@bench.example', '{password_hash}', 'Bench', 'Member', n
FROM generate_series({first}, {last}) n ON CONFLICT (id) DO UPDATE SET password_hash = excluded.password_hash;
INSERT INTO user_roles (user_id, role_id)
SELECT u.id, r.id FROM users u, roles r WHERE r.name = 'member' AND u.id BETWEEN {first} AND {last}
ON CONFLICT DO NOTHING;
INSERT INTO dues_payments (id, member_id, period_id, amount_due_cents, status)
SELECT n, n, (SELECT max(id) FROM dues_periods), 1000000, 'due' FROM generate_series({first}, {last}) n
ON CONFLICT DO NOTHING;
INSERT INTO member_employments (member_id, organization_id, start_date, end_date, job_title)
SELECT m, employer.id, '2025-12-01'::date - n * 90, '2025-12-01'::date - n * 90 + 80, 'Wireman'
FROM generate_series({first}, {last}) m, generate_series(1, {jobs}) n,
     (SELECT min(id) AS id FROM organizations WHERE org_type = 'employer') AS employer
WHERE NOT EXISTS (SELECT FROM member_employments e WHERE e.member_id = m);
INSERT INTO refresh_tokens (user_id, session_id, token_hash, issued_at, expires_at)
SELECT n, gen_random_uuid(), sha256(convert_to('{secret}' || n, 'UTF8')), now(), now() + interval '1 day'
FROM generate_series({first}, {last}) n;
COMMIT;
ANALYZE;
"""
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = 'ip2a'"


class Cluster:
    """The quickstart's resource."""

    def __init__(self) -> None:
        self._target = quickstart.embedded_target()

    def add_people(self, users: int) -> dict[str, str]:
        """Members with logins, dues and jobs; the refresh token of an open session by person.

        Raises StepFailed where no cluster or no quickstart is up.
        """
        hasher = PasswordHasher()
        password_hash = hasher.hash_now(PASSWORD)
        hasher.close()
        secret = secrets.token_urlsafe(24)
        last = FIRST + users - 1
        statement = PEOPLE.format(first=FIRST, last=last, password_hash=password_hash, secret=secret, jobs=JOBS)
        self._sql("primary", statement)
        return {str(number): f"{secret}{number}" for number in range(FIRST, last + 1) if number % BY_PASSWORD}

    def metrics(self) -> list[str]:
        """Where the app's pods tell their metrics; the bridge leads there."""
        listed = self._get("pods", f"app.kubernetes.io/instance={quickstart.RESOURCE},app.kubernetes.io/component=app")
        return [f"http://{pod['status']['podIP']}:{OPS_PORT}/metrics" for pod in listed]

    @contextmanager
    def watched(self) -> Iterator[list[int]]:
        """Collects, now and then, how many client connections the instances have together."""
        seen: list[int] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(WATCH_SECONDS):
                seen.append(sum(int(self._sql(role, CONNECTIONS)) for role in ("primary", "replica")))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            done.set()
            thread.join()

    def _sql(self, role: str, statement: str) -> str:
        cluster = f"cnpg.io/cluster={quickstart.RESOURCE}-db,cnpg.io/instanceRole={role}"
        answers = []
        for pod in self._get("pods", cluster):
            command = ("exec", "-i", pod["metadata"]["name"], "-c", "postgres", "--", "psql", "-U", "postgres")
            arguments = ("-n", quickstart.NAMESPACE, *command, "-d", "ip2a", "-Atq", "-v", "ON_ERROR_STOP=1")
            answers.append(self._target.run(*arguments, text=statement, timeout=300))
        return answers[0].strip() if answers else "0"

    def _get(self, kind: str, selector: str) -> list[dict[str, dict[str, str]]]:
        text = self._target.run("-n", quickstart.NAMESPACE, "get", kind, "-l", selector, "-o", "json")
        items: list[dict[str, dict[str, str]]] = json.loads(text)["items"]
        return items


def cpu_of_pods() -> dict[str, float]:
    """CPU seconds so far of the cluster's programs on this machine, added up by what they are."""
    used: defaultdict[str, float] = defaultdict(float)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if "kubepods" not in (process / "cgroup").read_text():
                continue
            name = PROGRAMS.get((process / "comm").read_text().strip()) or _python(process)
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended
            continue
        if name:
            used[name] += sum(map(int, fields[11:13])) / TICKS
    used["whole machine"] = _busy()
    return dict(used)


def _python(process: Path) -> str | None:
    """The platform's servers and the operator, told apart by their command."""
    command = (process / "cmdline").read_bytes().split(b"\0")
    if b"serve" in command:
        return "app"
    return "operator" if any(re.search(rb"ip2a[-_]operator", part) for part in command) else None


def _busy() -> float:
    """Seconds that the cores were not idle, all together, since the start (/proc/stat)."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
