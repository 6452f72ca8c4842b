"""Nudges. The chunks in the database are the work; a message only says which batch to look at, and may be lost."""

import logging
from collections.abc import Iterable
from datetime import timedelta

import redis
from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from bulk_orders import idempotency, processing
from bulk_orders.models import Chunk
from config.lib import logs, valkey

logger = logging.getLogger(__name__)

CHUNKS_A_TURN = 4  # some 0.3 s; then others' batches get theirs
WORKERS_A_BATCH = 8
BATCHES_A_SWEEP = 500
STALLED_AFTER = timedelta(seconds=5)


@shared_task
def process_batch(batch_id: str) -> None:
    """Carry out chunks of one batch. Any number of these may run, at any time and more than once."""
    logs.bind(batch_id=batch_id)
    for _ in range(CHUNKS_A_TURN):
        if not processing.process_next_chunk(batch_id):
            return
    nudge(batch_id)


@shared_task
def sweep() -> None:
    """Find what a lost message or a killed worker left lying."""
    for batch_id in _open_batches(older_than=STALLED_AFTER):
        nudge(batch_id)


def carry_on() -> None:
    """A chunk of every open batch, here and now: for when no message can be sent."""
    for batch_id in _open_batches():
        processing.process_next_chunk(batch_id)


def _open_batches(older_than: timedelta = timedelta()) -> Iterable[str]:
    waiting = Chunk.objects.filter(batch__created_at__lte=timezone.now() - older_than)
    return waiting.order_by("batch_id").values_list("batch_id", flat=True).distinct()[:BATCHES_A_SWEEP]


@shared_task
def forget_idempotency_keys() -> None:
    """Delete keys that are no longer replayed."""
    idempotency.forget_expired(now=timezone.now())


def nudge(batch_id: str, chunks: int = 1) -> None:
    """Tell workers that a batch has chunks. Without a broker nobody is told, and the sweep will find them."""
    try:
        valkey.client().ping()  # fails at once, where Celery would go on trying while a caller waits
        for _ in range(min(chunks, WORKERS_A_BATCH)):
            process_batch.delay(batch_id)
    except (redis.ConnectionError, redis.TimeoutError, OperationalError):
        logger.warning("broker_unavailable: batch %s waits for the sweep", batch_id)
