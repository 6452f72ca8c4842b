"""Carrying out the verdicts of a batch: one chunk, one transaction, and either all of its rows exist or none."""

from collections import Counter
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from bulk_orders import metrics
from bulk_orders.models import Batch, BatchStatus, Result
from bulk_orders.states import Status
from bulk_orders.verdicts import Outcome
from config.lib import ids, logs
from config.lib.announcements import announce
from config.lib.exact_json import as_utc
from webhooks.events import EventName
from webhooks.outbox import NewEvent, publish_many

# The next chunk that nobody else has in hand; in order only the first will do, so one worker at a time.
_CLAIM = """
WITH mine AS MATERIALIZED (
  SELECT id FROM bulk_order_chunks
  WHERE batch_id = %(batch_id)s AND (NOT %(in_order)s OR first_index =
    (SELECT min(first_index) FROM bulk_order_chunks WHERE batch_id = %(batch_id)s))
  ORDER BY first_index LIMIT 1 FOR UPDATE SKIP LOCKED
)
SELECT id, jsonb_array_length(rows), run, request_id
FROM bulk_order_chunks JOIN mine USING (id) JOIN bulk_order_batches USING (batch_id)
"""
# The rows never leave the database: it takes the chunk apart and writes orders and results in one statement.
_ROWS_AND_ORDERS = """
WITH chunk AS (
  DELETE FROM bulk_order_chunks WHERE id = %(chunk_id)s RETURNING rows
), entry AS MATERIALIZED (
  SELECT (r->>'i')::int AS order_index, CASE WHEN %(skip)s THEN 'skipped' ELSE r->>'verdict' END AS status,
         r->>'ref' AS client_ref, CASE WHEN NOT %(skip)s THEN r->>'error' END AS error,
         CASE WHEN NOT %(skip)s THEN NULLIF(r->'problems', 'null') END AS problems,
         NULLIF(r->'order', 'null') AS form,
         CASE WHEN NOT %(skip)s AND r->>'verdict' = 'succeeded' THEN (%(model_order_ids)s::text[])[at] END
           AS model_order_id
  FROM chunk, jsonb_array_elements(rows) WITH ORDINALITY AS e(r, at)
), made AS (
  INSERT INTO orders (model_order_id, client_id, order_form_data, status, submitted_at, ip_address, trace_id)
  SELECT model_order_id, %(user_id)s, form, %(order_status)s, %(now)s, %(address)s, %(trace_id)s
  FROM entry WHERE model_order_id IS NOT NULL ORDER BY order_index
  RETURNING id, model_order_id
)
"""
_FIRST_RESULTS = """
INSERT INTO bulk_order_results (batch_id, order_index, order_id, model_order_id, success, error, order_data,
                                created_at, status, client_ref, problems, run)
SELECT %(batch_id)s, order_index, made.id, model_order_id, status = 'succeeded', error,
       CASE WHEN made.id IS NULL THEN form END, %(now)s, status, client_ref, problems, %(run)s
FROM entry LEFT JOIN made USING (model_order_id)
RETURNING status, order_id, model_order_id
"""
# A retried row has its result already: it keeps what was said before.
_LATER_RESULTS = """
UPDATE bulk_order_results AS result
SET order_id = made.id, model_order_id = entry.model_order_id, success = entry.status = 'succeeded',
    error = entry.error,
    order_data = CASE WHEN made.id IS NULL THEN result.order_data END, status = entry.status,
    problems = entry.problems, run = %(run)s,
    earlier = coalesce(result.earlier, '[]') || jsonb_build_object('run', result.run, 'error', result.error)
FROM entry LEFT JOIN made USING (model_order_id)
WHERE result.batch_id = %(batch_id)s AND result.order_index = entry.order_index
RETURNING result.status, result.order_id, result.model_order_id
"""
_COUNT = """
UPDATE bulk_order_batches
SET processed = processed + %(processed)s, succeeded = succeeded + %(succeeded)s, failed = failed + %(failed)s,
    skipped = skipped + %(skipped)s, status = 'processing'
WHERE batch_id = %(batch_id)s
RETURNING processed, succeeded, failed, skipped, status, cancelled_at
"""


class Claimed(NamedTuple):
    """A chunk, locked, and of the same moment what its batch says of the run that it belongs to."""

    id: int
    length: int
    run: int
    request_id: str | None


class Done(NamedTuple):
    """What became of one row: the ids where it became an order."""

    outcome: str
    order_id: int | None
    model_order_id: str


def process_next_chunk(batch_id: str) -> bool:
    """Carry out one chunk of the batch; False when none is left that nobody else has in hand."""
    with logs.scope(), transaction.atomic():
        batch = Batch.objects.filter(pk=batch_id).first()
        chunk = _claim(batch, in_order=batch.stop_on_error) if batch else None
        if batch and chunk:
            logs.bind(batch_id=batch_id, request_id=chunk.request_id)
            _carry_out(batch, chunk)
    return chunk is not None


def process_at_once(batch: Batch, *, skip: bool = False) -> None:
    """Carry out, in the caller's transaction, every chunk that nobody has in hand; with `skip`, as rows not wanted."""
    while chunk := _claim(batch, in_order=False):
        _carry_out(batch, chunk, skip=skip)


def _claim(batch: Batch, *, in_order: bool) -> Claimed | None:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"batch_id": batch.pk, "in_order": in_order})
        row = cursor.fetchone()
    return Claimed(*row) if row else None


def _carry_out(batch: Batch, chunk: Claimed, *, skip: bool = False) -> None:
    now = timezone.now()
    batch.run = chunk.run  # a retry may have begun since the batch was read
    done = _write(batch, chunk, now, skip=skip)
    orders = sorted((row.order_id, row.model_order_id) for row in done if row.order_id is not None)
    submitted = as_utc(now)
    publish_many([_created(batch, submitted, order_id, model_order_id) for order_id, model_order_id in orders])
    outcomes = Counter(row.outcome for row in done)
    _count(batch, outcomes)
    transaction.on_commit(partial(metrics.carried_out, outcomes))
    if batch.processed == batch.total:
        _complete(batch, now)
    announce(batch.pk)


def _write(batch: Batch, chunk: Claimed, now: datetime, *, skip: bool) -> list[Done]:
    statement = _ROWS_AND_ORDERS + (_FIRST_RESULTS if batch.run == 1 else _LATER_RESULTS)
    values: dict[str, Any] = {
        "batch_id": batch.batch_id,
        "chunk_id": chunk.id,
        "run": batch.run,
        "skip": skip,
        "user_id": batch.user_id,
        "address": batch.ip_address,
        "trace_id": batch.trace_id,
        "order_status": Status.PENDING_APPROVAL,
        "now": now,
        "model_order_ids": None if batch.validate_only else ids.model_order_ids(now, chunk.length),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Done(*row) for row in cursor.fetchall()]


def _created(batch: Batch, submitted: str, order_id: int, model_order_id: str) -> NewEvent:
    data = {
        "orderId": order_id,
        "modelOrderId": model_order_id,
        "clientId": batch.user_id,
        "status": Status.PENDING_APPROVAL,
        "submittedAt": submitted,
    }
    return NewEvent(batch.user_id, EventName.ORDER_CREATED, data)


def _count(batch: Batch, outcomes: Counter[str]) -> None:
    """Move the counters, last: every worker of the batch waits at this row. `batch` then says what the row does."""
    moves = {outcome.value: outcomes[outcome] for outcome in Outcome}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, moves | {"processed": outcomes.total(), "batch_id": batch.pk})
        row = cursor.fetchone()
    batch.processed, batch.succeeded, batch.failed, batch.skipped, batch.status, batch.cancelled_at = row


def _complete(batch: Batch, now: datetime) -> None:
    """Reached once a run: by whoever moved `processed` to `total`, holding the batch's row until commit."""
    batch.status, batch.error = _outcome(batch)
    batch.completed_at = now
    batch.save(update_fields=["status", "error", "completed_at"])
    transaction.on_commit(metrics.BATCHES.labels(batch.status).inc)
    if not batch.validate_only:
        publish_many([NewEvent(batch.user_id, EventName.BULK_ORDER_COMPLETED, _completed(batch))])


def _outcome(batch: Batch) -> tuple[BatchStatus, str | None]:
    if batch.stop_on_error and batch.failed:
        first = Result.objects.filter(batch=batch, status=Outcome.FAILED).order_by("order_index")[0]
        return BatchStatus.FAILED, f"Stopped on error at index {first.order_index}: {first.error}"
    error = "Cancelled" if batch.cancelled_at else None
    if batch.succeeded == batch.total:
        return BatchStatus.COMPLETED, None
    return BatchStatus.PARTIAL if batch.succeeded else BatchStatus.FAILED, error


def _completed(batch: Batch) -> dict[str, Any]:
    return {
        "batchId": batch.batch_id,
        "status": batch.status,
        "total": batch.total,
        "succeeded": batch.succeeded,
        "failed": batch.failed,
        "skipped": batch.skipped,
        "run": batch.run,
    }
