"""What is deleted, as shown, and what is to be restored."""

from datetime import datetime

from pydantic import BaseModel

from ip2a.records.schemas import strict
from ip2a.removals.kinds import RemovedKind
from ip2a.web.keyset import Identifier


class RemovedItem(BaseModel):
    """A deleted record, in words."""

    id: int
    kind: RemovedKind
    name: str
    deleted_at: datetime


class Restoration(BaseModel):
    """Which record is restored."""

    model_config = strict({"kind": "members", "record_id": 1})

    kind: RemovedKind
    record_id: Identifier
