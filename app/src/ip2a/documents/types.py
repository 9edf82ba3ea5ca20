"""What a file is, by its first bytes; names and what a browser says do not count. Pure."""

SIGNATURES = (
    (b"%PDF-", "application/pdf", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF87a", "image/gif", "gif"),
    (b"GIF89a", "image/gif", "gif"),
)
EXTENSIONS = {media_type: extension for _, media_type, extension in SIGNATURES} | {"text/plain": "txt"}
LENGTH = 512
"""Bytes that are looked at."""


def media_type_of(beginning: bytes) -> str | None:
    """The media type of an accepted file, None for everything else (programs, pages, archives, unknown)."""
    for signature, media_type, _ in SIGNATURES:
        if beginning.startswith(signature):
            return media_type
    try:
        text = beginning.decode("utf-8", "strict" if len(beginning) < LENGTH else "ignore")
    except UnicodeDecodeError:
        return None
    plain = all(character.isprintable() or character in "\r\n\t" for character in text)
    looks_like_a_page = text.lstrip().startswith("<")
    return "text/plain" if plain and text and not looks_like_a_page else None


def file_name(title: str, media_type: str) -> str:
    """The name a downloaded document gets: its title without what file systems dislike, and the right ending."""
    kept = "".join(" " if character in '\\/:*?"<>|' else character for character in title if character.isprintable())
    return f"{' '.join(kept.split())[:100] or 'document'}.{EXTENSIONS[media_type]}"
