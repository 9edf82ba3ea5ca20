"""Load by wrk on the other core: rotating identities, only 2xx and 304 count."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.app.stage import GENERATOR_CORE, Application
from devcluster.services.process import HOST
from ip2a.limits.rates import MEMBER, MINUTE

SCRIPT = """
local tokens, n = {}, 0
for line in io.lines(os.getenv("BENCH_TOKENS")) do tokens[#tokens + 1] = line end
local method, body, path = os.getenv("BENCH_METHOD"), os.getenv("BENCH_BODY"), os.getenv("BENCH_PATH")
math.randomseed(os.time())
n = tonumber(os.getenv("BENCH_FIRST"))
local run = os.time() .. "-" .. math.random(1000000)
function request()
  n = n % #tokens + 1
  local headers = {["Authorization"] = tokens[n], ["Content-Type"] = "application/json"}
  if method == "POST" then
    headers["Idempotency-Key"] = run .. "-" .. n .. "-" .. math.random(1000000000)
    headers["X-Forwarded-For"] = "100." .. math.random(255) .. "." .. math.random(255) .. "." .. math.random(255)
  end
  local text = body:gsub("NUMBER", n)
  return wrk.format(method, (path:gsub("NUMBER", n)), headers, text ~= "" and text or nil)
end
function done(summary)
  local e = summary.errors
  io.stderr:write(string.format('{"requests": %d, "microseconds": %d, "errors": %d}\\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What the generator sends. NUMBER in path and body stands for the identity."""

    path: str
    method: str = "GET"
    body: str = ""
    connections: int = 32
    seconds: float = 3


@dataclass(frozen=True)
class Answered:
    """What came back."""

    per_second: float
    cpu_microseconds: float
    requests: int


class Pace:
    """Keeps the identities below their limit: a run waits until what it may send fits into the minute.

    Counted as the platform counts: this minute's requests and the last minute's share within 60 s.
    """

    MOST_PER_SECOND = 50_000
    MARGIN = 0.8  # a run may lie in two minutes

    def __init__(self, identities: int) -> None:
        self._allowed = identities * MEMBER.per_minute * self.MARGIN
        self._sent: dict[int, int] = {}

    def wait(self, seconds: float) -> None:
        """Until a run of so many seconds may begin."""
        while self._used(time.time()) + seconds * self.MOST_PER_SECOND > self._allowed:
            time.sleep(0.5)

    def note(self, requests: int) -> None:
        """What a run has sent."""
        minute = int(time.time() // MINUTE)
        self._sent[minute] = self._sent.get(minute, 0) + requests

    def _used(self, now: float) -> float:
        minute, share = int(now // MINUTE), now % MINUTE / MINUTE
        return self._sent.get(minute, 0) + self._sent.get(minute - 1, 0) * (1 - share)


class Generator:
    """Sends loads as the given identities."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="bench-")
        home = Path(self._directory.name)
        self._script = home / "load.lua"
        self._script.write_text(SCRIPT)
        self._tokens = home / "tokens"
        self._tokens.write_text("".join(f"Bearer {token}\n" for token in tokens))
        self._first = 0
        self._pace = Pace(len(tokens))

    def close(self) -> None:
        """Forget the files."""
        self._directory.cleanup()

    def run(self, application: Application, load: Load) -> Answered:
        """Send for `load.seconds`. Raises RuntimeError if anything but 2xx or 304 came back."""
        if application.limited:
            self._pace.wait(load.seconds)
        before = application.cpu_seconds()
        environment = {
            "BENCH_TOKENS": str(self._tokens),
            "BENCH_METHOD": load.method,
            "BENCH_BODY": load.body,
            "BENCH_PATH": load.path,
            "BENCH_FIRST": str(self._first),
        }
        command = ["taskset", "-c", GENERATOR_CORE, "wrk", "-t1", f"-c{load.connections}", f"-d{load.seconds}s"]
        command += ["-s", str(self._script), f"http://{HOST}:{application.port}/"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        cpu = application.cpu_seconds() - before
        answer = json.loads(done.stderr.strip().splitlines()[-1])
        if application.limited:
            self._pace.note(answer["requests"])
        if answer["errors"] or not answer["requests"]:
            raise RuntimeError(f"{load.method} {load.path}: {answer}\n{done.stdout}")
        self._first += answer["requests"]
        return Answered(
            per_second=answer["requests"] / answer["microseconds"] * 1e6,
            cpu_microseconds=cpu / answer["requests"] * 1e6,
            requests=answer["requests"],
        )
