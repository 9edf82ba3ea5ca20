"""Mails as they are sent."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from ip2a.mail.message import Mail, compose

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_both_parts_and_an_id_that_repeats() -> None:
    mail = Mail(to="ada@local46.example", subject="Überfällig", text="Grüße", html="<p>Grüße</p>")
    one, again = (compose(mail, sender="IP2A <no-reply@local46.example>", number=7, now=NOW) for _ in range(2))
    assert one["Message-ID"] == again["Message-ID"] == "<ip2a-job-7@local46.example>"
    assert one["To"] == "ada@local46.example"
    assert [part.get_content_type() for part in one.iter_parts()] == ["text/plain", "text/html"]
    assert "Fri, 27 Nov 2026 12:00:00 +0000" in one.as_string()


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "ada@local46.example\r\nBcc: eve@example.org"},
        {"to": "ada@local46.example, eve@example.org"},
        {"to": "nobody"},
        {"subject": "Hello\r\nBcc: eve@example.org"},
        {"bcc": "eve@example.org"},
    ],
)
def test_nothing_slips_into_the_header(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Mail.model_validate({"to": "ada@local46.example", "subject": "Hello", "text": "Hi", **wrong})
