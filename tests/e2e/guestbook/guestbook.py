"""A guest book as strangers write them: four processes, a synchronous driver, no metrics, and a health check that lies.

`migrate` makes the tables, `serve` answers on port 8080, `work` does something now and then in the background.
"""

import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg

PORT = 8080
WORKERS = 4
WORK_SECONDS = 5


class Database:
    """One connection for all threads, opened when it is needed; after an error the next request gets a new one."""

    def __init__(self, variable: str = "DATABASE_URL") -> None:
        self._variable = variable
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None

    def run(self, statement: str) -> int:
        """The first value of the answer."""
        with self._lock:
            return self._run(statement)

    def _run(self, statement: str) -> int:
        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    os.environ[self._variable], connect_timeout=3, prepare_threshold=None
                )
            with self._connection.transaction():
                row = self._connection.execute(statement).fetchone()
            return int(row[0]) if row else 0
        except psycopg.Error:
            self._connection = None
            raise


class Handler(BaseHTTPRequestHandler):
    """GET / counts the entries, POST / writes one, and /health is always well."""

    database = Database()
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer(200, "well")
        else:
            self._from_database("SELECT count(*) FROM entries")

    def do_POST(self) -> None:
        self._from_database("INSERT INTO entries DEFAULT VALUES RETURNING id")

    def log_message(self, *_: object) -> None:
        """Nothing: strangers' logs are not looked at."""

    def _from_database(self, statement: str) -> None:
        try:
            self._answer(200, str(self.database.run(statement)))
        except psycopg.Error as error:
            self._answer(500, type(error).__name__)

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve() -> None:
    """Four processes accept from one socket; the first one waits for the others."""
    server = ThreadingHTTPServer(("", PORT), Handler)
    for _ in range(WORKERS):
        if os.fork() == 0:
            server.serve_forever()
    os.wait()


def migrate() -> None:
    """Not to be run twice: the second time would say so in the table. Strangers also clear caches then."""
    _greet_redis()
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=3) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS entries (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)")
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (at timestamptz NOT NULL DEFAULT now())")
        connection.execute("INSERT INTO migrations DEFAULT VALUES")


def work() -> None:
    """Looks at both databases and at Redis for ever."""
    databases = Database(), Database("DATABASE_READ_URL")
    while True:
        for database in databases:
            database.run("SELECT count(*) FROM entries")
        _greet_redis()
        time.sleep(WORK_SECONDS)


def _greet_redis() -> None:
    with socket.create_connection((os.environ["IP2A_REDIS_HOST"], int(os.environ["IP2A_REDIS_PORT"])), timeout=3):
        pass


if __name__ == "__main__":
    {"serve": serve, "migrate": migrate, "work": work}[sys.argv[1]]()
