"""What a file is, by its first bytes."""

import pytest

from ip2a.documents.types import LENGTH, file_name, media_type_of


@pytest.mark.parametrize(
    ("beginning", "media_type"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        ("Grüße, Łukasz\r\n".encode(), "text/plain"),
        (("a" * (LENGTH - 1) + "ü").encode()[:LENGTH], "text/plain"),
        (b"MZ\x90\x00", None),
        (b"\x7fELF", None),
        (b"PK\x03\x04", None),
        (b"<!doctype html><script>", None),
        (b"  <svg onload=", None),
        (b"", None),
        (b"\xc3", None),
        (b"a\x00b", None),
    ],
)
def test_what_is_taken(beginning: bytes, media_type: str | None) -> None:
    assert media_type_of(beginning) == media_type


def test_names_are_harmless() -> None:
    assert file_name('../../etc/"passwd"\r\n', "application/pdf") == ".. .. etc passwd.pdf"
    assert file_name("///", "image/png") == "document.png"
    assert len(file_name("x" * 500, "text/plain")) == 104
