"""Long polls: a caller waits for a batch to move. Threads are few, so waiting ones are counted and cut short."""

import time
from typing import Final

from django.db import connection

from bulk_orders.models import Batch
from bulk_orders.places import Places
from config.lib.errors import BadRequest

LONGEST: Final = 30
PLACES: Final = Places(per_caller=2, per_process=32)
PAUSE: Final = 0.25


def seconds_of(text: str | None) -> int:
    """The value of ``?wait=``: whole seconds, cut at the longest; absent, none."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise BadRequest("wait must be a whole number of seconds", code="invalid_wait")
    return min(int(text[:9]), LONGEST)


def wait_for_change(batch: Batch, *, seconds: int, caller: str) -> None:
    """Return once the batch has moved, has ended, or `seconds` are over; at once if too many wait already."""
    if not seconds:
        return
    seen = (batch.status, batch.processed)
    deadline = time.monotonic() + seconds
    with PLACES.place(caller) as granted:
        while granted and batch.completed_at is None and (batch.status, batch.processed) == seen:
            if time.monotonic() >= deadline:
                return
            _rest()
            batch.refresh_from_db()


def _rest() -> None:
    """Sleep without a connection: there are fewer of them than of waiting callers."""
    if not connection.in_atomic_block:
        connection.close()
    time.sleep(PAUSE)
