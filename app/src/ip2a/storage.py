"""Files on S3. Signing is pure; everything else is a call in a thread, bounded in time, never inside a transaction."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import PostPolicy
from minio.error import S3Error

from ip2a.settings import Settings

CONNECT_TIMEOUT = 3.0  # seconds
READ_TIMEOUT = 20.0
RETRIES = 2
MISSING = frozenset({"NoSuchKey", "NotFound", "NoSuchObject"})
TROUBLE = (urllib3.exceptions.HTTPError, S3Error, OSError)
"""What a call raises when the server is away or refuses."""


class Stored(NamedTuple):
    """An object as it is there."""

    size: int
    etag: str


class UploadForm(NamedTuple):
    """Where a browser posts a file to, and the fields that go before it."""

    url: str
    fields: dict[str, str]


class Storage:
    """One bucket."""

    def __init__(self, settings: Settings) -> None:
        self._bucket = settings.s3_bucket
        self._public = settings.s3_public_endpoint or settings.s3_endpoint
        self._inside = _client(settings, settings.s3_endpoint)
        self._outside = _client(settings, self._public)

    def upload_form(self, key: str, *, maximum: int, lifetime: timedelta, then: str | None = None) -> UploadForm:
        """A form for one file of 1 to `maximum` bytes; the browser goes on to `then`."""
        policy = PostPolicy(self._bucket, datetime.now(UTC) + lifetime)
        policy.add_equals_condition("key", key)
        policy.add_content_length_range_condition(1, maximum)
        fields = {"key": key}
        if then is not None:
            policy.add_starts_with_condition("success_action_redirect", then)
            fields["success_action_redirect"] = then
        return UploadForm(f"{self._public}/{self._bucket}", {**fields, **self._outside.presigned_post_policy(policy)})

    def download_url(self, key: str, *, name: str, media_type: str, lifetime: timedelta) -> str:
        """An address that gives the object as a file of this name, for a while."""
        headers: dict[str, str | list[str] | tuple[str]] = {
            "response-content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "response-content-type": media_type,
        }
        return self._outside.get_presigned_url("GET", self._bucket, key, expires=lifetime, response_headers=headers)

    async def stat(self, key: str) -> Stored | None:
        """Size and ETag, or None where there is no such object."""
        try:
            found = await asyncio.to_thread(self._inside.stat_object, self._bucket, key)
        except S3Error as error:
            if error.code in MISSING:
                return None
            raise
        return Stored(found.size or 0, found.etag or "")

    async def beginning(self, key: str, length: int) -> bytes:
        """The object's first bytes."""
        return await asyncio.to_thread(self._read, key, length)

    async def copy(self, source: str, target: str, *, etag: str) -> None:
        """Copy the object; fails when it is not the version with this ETag any more."""
        origin = CopySource(self._bucket, source, match_etag=etag)
        await asyncio.to_thread(self._inside.copy_object, self._bucket, target, origin)

    async def put_file(self, key: str, path: Path, media_type: str) -> None:
        """Upload a file, in parts where it is large."""
        await asyncio.to_thread(self._inside.fput_object, self._bucket, key, str(path), media_type)

    async def remove(self, key: str) -> None:
        """Remove the object; nothing happens where there is none."""
        await asyncio.to_thread(self._inside.remove_object, self._bucket, key)

    async def fetch(self, key: str, path: Path) -> None:
        """Download the object into a file."""
        await asyncio.to_thread(self._inside.fget_object, self._bucket, key, str(path))

    def _read(self, key: str, length: int) -> bytes:
        answer = self._inside.get_object(self._bucket, key, length=length)
        try:
            content: bytes = answer.read(length)
            return content
        finally:
            answer.close()
            answer.release_conn()


def create_storage(settings: Settings) -> Storage | None:
    """The bucket of the settings, or None where files are off; nothing is connected yet."""
    return Storage(settings) if settings.s3_endpoint else None


def _client(settings: Settings, endpoint: str) -> Minio:
    parts = urlsplit(endpoint)
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
        retries=urllib3.Retry(total=RETRIES, backoff_factor=0.2, backoff_jitter=0.2),
        maxsize=10,
    )
    return Minio(
        parts.netloc,
        access_key=settings.s3_access_key_id,
        secret_key=settings.s3_secret_access_key.get_secret_value(),
        secure=parts.scheme == "https",
        region=settings.s3_region,
        http_client=pool,
    )
