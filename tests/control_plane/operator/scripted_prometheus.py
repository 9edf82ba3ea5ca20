"""ScriptedPrometheus: a fake, named as such, that answers the autoscaler's one question with values as told.

It knows nothing of PromQL: every resource it is told of gets the same signals, fresh unless `age` says otherwise. What
the question really asks for is tested against a real Prometheus in tests/services.
"""

import http.server
import json
import threading
import time
from dataclasses import dataclass, field

HEALTHY: dict[str, float] = {
    "app.fresh": 99.0,
    "offered": 20.0,
    "offeredFast": 20.0,
    "answered": 20.0,
    "served": 20.0,
    "reads": 18.0,
    "failed": 0.0,
    "appCpu": 0.12,
    "appCpuFast": 0.12,
    "inFlight": 0.0,
    "p95": 0.02,
    "users": 80.0,
    "db.window": 0.2,
    "replica.count": 1.0,
    "cpu.primary": 0.1,
    "cpu.replica": 0.1,
    "pgActive": 0.2,
    "lag": 0.0,
    "walRate": 100.0,
    "lockWaiters": 0.0,
    "connections": 12.0,
}
POOLS: dict[str, float] = {
    "pool.fresh": 99.0,
    "pool.window": 0.2,
    "pool.busy": 0.1,
    "pool.rate": 10.0,
    "pool.queue": 0.0,
    "pool.wait": 0.0,
    "pool.largest": 1.0,
    "pool.servers": 2.0,
}
TIMES = ("app.at", "db.at", "replica.at", "cpu.primary.at", "cpu.replica.at")


@dataclass
class ScriptedPrometheus:
    """Serves on this host as a context manager; change its fields while it runs."""

    resources: list[tuple[str, str]]
    signals: dict[str, float] = field(default_factory=lambda: dict(HEALTHY))
    write: dict[str, float] = field(default_factory=lambda: dict(POOLS))
    read: dict[str, float] = field(default_factory=lambda: dict(POOLS))
    age: float = 1.0
    down: bool = False
    questions: int = 0
    host: str = "127.0.0.1"

    def __enter__(self) -> "ScriptedPrometheus":
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                ranged = self.path.endswith("query_range")
                script.questions += not ranged
                body = json.dumps(script.answer([] if ranged else None)).encode()
                self.send_response(503 if script.down else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = http.server.ThreadingHTTPServer((self.host, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self._server.server_address[1]}"

    def answer(self, result: list[dict[str, object]] | None = None) -> dict[str, object]:
        if result is None:
            result = self._vector()
        return {"status": "success", "data": {"resultType": "vector", "result": result}}

    def _vector(self) -> list[dict[str, object]]:
        now = time.time()
        sampled = now - self.age

        def item(name: str, value: float, **labels: str) -> dict[str, object]:
            return {"metric": {"signal": name, **labels}, "value": [now, str(value)]}

        found = [item("time", now)]
        for namespace, name in self.resources:
            who = {"namespace": namespace, "ip2a": name}
            found += [item(signal, value, **who) for signal, value in self.signals.items()]
            found += [item(signal, sampled, **who) for signal in TIMES]
            for side, values in (("rw", self.write), ("ro", self.read)):
                pooler = {**who, "pooler": f"{name}-pool-{side}"}
                found.append(item("pool.at", sampled, **pooler))
                found += [item(signal, value, **pooler) for signal, value in values.items()]
        return found
