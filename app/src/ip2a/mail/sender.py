"""Sends one mail through SMTP; no transaction is open meanwhile."""

from email.message import EmailMessage

import aiosmtplib
from pydantic import ValidationError

from ip2a.mail.message import Mail, compose
from ip2a.settings import Settings
from ip2a.worker.work import GiveUp, Kind, Work

TIMEOUT = 15.0  # seconds for each step of the conversation
PERMANENT = 500  # SMTP's replies from here on mean that trying again does not help


async def send_mail(work: Work) -> None:
    """Handler of jobs of kind `mail`.

    Raises GiveUp where mail is off, the payload is none, or the server refuses for good.
    """
    settings = work.tools.settings
    if not settings.smtp_host:
        raise GiveUp("mail is off: IP2A_SMTP_HOST is not set")
    try:
        mail = Mail.model_validate(work.payload)
    except ValidationError as error:
        fields = ", ".join(str(item["loc"][0]) for item in error.errors() if item["loc"])
        raise GiveUp(f"the mail's fields are not valid: {fields}") from None
    message = compose(mail, sender=settings.smtp_sender, number=work.job.id, now=work.tools.now())
    try:
        await _send(message, settings)
    except aiosmtplib.SMTPRecipientsRefused as error:
        if all(each.code >= PERMANENT for each in error.recipients):
            raise GiveUp("the server refuses the recipient") from None
        raise
    except aiosmtplib.SMTPResponseException as error:
        if error.code >= PERMANENT and not isinstance(error, aiosmtplib.SMTPAuthenticationError):
            raise GiveUp(f"the server refuses the mail ({error.code})") from None
        raise


async def _send(message: EmailMessage, settings: Settings) -> None:
    await aiosmtplib.send(
        message,
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username or None,
        password=settings.smtp_password.get_secret_value() or None,
        use_tls=settings.smtp_tls == "tls",
        start_tls=settings.smtp_tls == "starttls",
        timeout=TIMEOUT,
    )


MAIL = Kind(send_mail, attempts=12, seconds=90)
