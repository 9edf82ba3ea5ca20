"""Mails to classes arrive in a mailbox."""

from tests.services.app.post_office import smtp, tools, worker_environment

__all__ = ["smtp", "tools", "worker_environment"]
