"""Every kind of job the worker knows."""

from ip2a.documents.removal import REMOVE_OBJECT
from ip2a.mail.sender import MAIL
from ip2a.reports.making import REPORT
from ip2a.worker.work import Kind

KINDS: dict[str, Kind] = {
    "mail": MAIL,
    "remove-object": REMOVE_OBJECT,
    "report": REPORT,
}
