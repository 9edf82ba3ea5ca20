"""One JSON object a line on standard error. Never a secret, a cookie, a query string or a person's data."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

TRACE_ID: ContextVar[str] = ContextVar("trace_id", default="")
SAMPLE = 100  # of so many ordinary requests one is logged; failures always


class JsonFormatter(logging.Formatter):
    """Record → one line of JSON with the trace id of the request it happened in."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        trace_id = TRACE_ID.get()
        if trace_id:
            fields["trace_id"] = trace_id
        fields.update(getattr(record, "fields", {}))
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def configure(level: int = logging.INFO) -> None:
    """Send everything that is logged to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
