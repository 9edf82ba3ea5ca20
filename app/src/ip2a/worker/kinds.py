"""Every kind of job the worker knows."""

from ip2a.documents.removal import REMOVE_OBJECT
from ip2a.mail.sender import MAIL
from ip2a.reports.making import REPORT
from ip2a.training.notices import CLASS_NOTICE, NOTICE
from ip2a.worker.work import Kind

KINDS: dict[str, Kind] = {
    NOTICE: CLASS_NOTICE,
    "mail": MAIL,
    "remove-object": REMOVE_OBJECT,
    "report": REPORT,
}
