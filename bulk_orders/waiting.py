"""Long polls: a caller waits for a batch to move. Threads are few, so waiting ones are counted and cut short."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from django.db import connection

from bulk_orders.models import Batch
from config.lib.errors import BadRequest

LONGEST: Final = 30
PER_CALLER: Final = 2
PER_PROCESS: Final = 32
PAUSE: Final = 0.25

_lock = Lock()
_waiting: Counter[str] = Counter()


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
    with _place(caller) as granted:
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


@contextmanager
def _place(caller: str) -> Iterator[bool]:
    with _lock:
        granted = _waiting[caller] < PER_CALLER and _waiting.total() < PER_PROCESS
        _waiting[caller] += granted
    try:
        yield granted
    finally:
        with _lock:
            _waiting[caller] -= granted
            if not _waiting[caller]:
                del _waiting[caller]
