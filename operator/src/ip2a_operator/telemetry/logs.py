"""Logs as JSON, one object a line, each with the reconciliation it belongs to."""

import json
import logging
import sys
from datetime import UTC, datetime

from ip2a_operator.reconcile.loop import reconcile_id

_EXTRA = ("actions",)


class JsonFormatter(logging.Formatter):
    """One line of JSON for a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := reconcile_id.get():
            line["reconcile"] = current
        line |= {key: value for key in _EXTRA if (value := getattr(record, key, None)) is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(level: str) -> None:
    """Send everything to standard error; kopf's chatter about single objects only when debugging."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    quiet = logging.DEBUG if level == "debug" else logging.WARNING
    for name in ("kopf", "aiohttp", "kubernetes"):
        logging.getLogger(name).setLevel(quiet)
