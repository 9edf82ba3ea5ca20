"""Handler of jobs of kind `remove-object`: what no row points to any more leaves S3."""

from ip2a.storage import create_storage
from ip2a.worker.work import GiveUp, Kind, Work


async def remove_object(work: Work) -> None:
    """Remove the object of the payload's `key`; doing it twice is no harm."""
    storage = create_storage(work.tools.settings)
    if storage is None:
        raise GiveUp("files are off: IP2A_S3_ENDPOINT is not set")
    await storage.remove(str(work.payload["key"]))


REMOVE_OBJECT = Kind(remove_object, attempts=20, seconds=90)
