"""Every kind of job the worker knows."""

from ip2a.mail.sender import MAIL
from ip2a.worker.work import Kind

KINDS: dict[str, Kind] = {
    "mail": MAIL,
}
