"""What a reminder to sign again says. Pure: the place and the platform's address in, a mail out."""

from datetime import datetime, timedelta

from ip2a.referrals.rules import local

SUBJECT_LENGTH = 200


def reminder(
    *, email: str, first_name: str, book_name: str, deadline: datetime, grace_days: int, public_url: str
) -> dict[str, str]:
    """The payload of a job of kind `mail`; days are the local's."""
    lost = deadline + timedelta(days=grace_days)
    text = (
        f"Hello {first_name},\n\nyour place on the book {book_name} has to be signed again by {_day(deadline)}."
        f" Do it here, or at the local's office:\n\n{public_url}/my/referrals\n\n"
        f"Whoever has not signed by {_day(lost)} loses the place.\n"
    )
    return {"to": email, "subject": f"Sign again by {_day(deadline)}: {book_name}"[:SUBJECT_LENGTH], "text": text}


def _day(moment: datetime) -> str:
    day = local(moment)
    return f"{day:%A, %B} {day.day}, {day.year}, {day:%H:%M}"
