"""A mail as it is sent. Pure."""

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from pydantic import BaseModel, ConfigDict, Field


class Mail(BaseModel):
    """The payload of a job of kind `mail`."""

    model_config = ConfigDict(extra="forbid")

    to: str = Field(min_length=3, max_length=255, pattern=r"^[^\s@]+@[^\s@]+$")
    subject: str = Field(min_length=1, max_length=200, pattern=r"^[^\r\n]*$")
    text: str = Field(min_length=1)
    html: str | None = None


def compose(mail: Mail, *, sender: str, number: int, now: datetime) -> EmailMessage:
    """The message; its id depends on the job's `number` alone, so that what is sent twice is recognised as one."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<ip2a-job-{number}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    return message
