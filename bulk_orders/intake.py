"""Taking a bulk submission in: every row is judged once, here, and what is to be done is written in one transaction."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from bulk_orders import processing, tasks
from bulk_orders.models import Batch
from bulk_orders.verdicts import Tally, Verdict, reach_verdicts
from config.lib import exact_json, ids, logs
from config.lib.errors import ApiError, BadRequest

# One transaction of a worker: large enough to spread its fixed cost, small enough to show progress and to be redone.
CHUNK_ROWS = 500
CHUNK_BYTES = 4 * 1024 * 1024
_COPY_CHUNKS = "COPY bulk_order_chunks (batch_id, first_index, rows) FROM STDIN"


class NoOrders(BadRequest):
    def __init__(self) -> None:
        message = "Orders array is required and cannot be empty"
        super().__init__(message, code="orders_required", errors=["At least one order is required"])


class TooManyOrders(BadRequest):
    def __init__(self, limit: int) -> None:
        super().__init__("Too many orders", code="too_many_orders", errors=[f"Maximum {limit} orders per batch"])


class InvalidOptions(BadRequest):
    def __init__(self, path: str, reason: str) -> None:
        details = [{"path": path, "code": "invalid_options", "message": reason}]
        super().__init__(f"Invalid bulk order request: {reason}", details=details)


class Options(NamedTuple):
    stop_on_error: bool = False
    validate_only: bool = False

    @classmethod
    def read(cls, value: Any) -> "Options":
        """From the `options` of a request. Absent and null are false, unknown keys nobody's business."""
        given = {} if value is None else value
        if not isinstance(given, dict):
            raise InvalidOptions("/options", "options must be an object")
        flags = [given.get(name) for name in ("stopOnError", "validateOnly")]
        for name, flag in zip(("stopOnError", "validateOnly"), flags, strict=True):
            if flag is not None and not isinstance(flag, bool):
                raise InvalidOptions(f"/options/{name}", f"options.{name} must be true or false")
        return cls(*map(bool, flags))


class Submission(NamedTuple):
    """What was taken in, and the verdicts that will be carried out."""

    batch: Batch
    tally: Tally


def submit(*, user_id: int, rows: Iterable[Any], limit: int, options: Options, address: str | None) -> Submission:
    """Judge `rows` and write the batch and its chunks. Must run in a transaction, that of the idempotency record."""
    now = timezone.now()
    batch = Batch.objects.create(
        batch_id=ids.batch_id(now),
        user_id=user_id,
        total=0,
        stop_on_error=options.stop_on_error,
        validate_only=options.validate_only,
        judged_on=now.date(),
        ip_address=address,
        trace_id=ids.trace_id(),
        request_id=logs.request_id(),
    )
    logs.bind(batch_id=batch.batch_id)
    verdicts = reach_verdicts(_at_most(limit, rows), on=batch.judged_on, stop_on_error=options.stop_on_error)
    tally = Tally()
    chunks = write_chunks(batch, tally.counting(verdicts))
    if not tally.total:
        raise NoOrders
    batch.total = tally.total
    batch.save(update_fields=["total"])
    if options.validate_only:
        processing.process_at_once(batch)
    else:
        transaction.on_commit(partial(tasks.nudge, batch.batch_id, chunks))
    return Submission(batch, tally)


def write_chunks(batch: Batch, verdicts: Iterable[Verdict]) -> int:
    """Write down verdicts to be carried out; answers in how many chunks.

    A stream, so that PostgreSQL stores one chunk while the next is judged. Nothing else can be asked of it meanwhile:
    `verdicts` must not.
    """
    count, refusal = 0, None
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(_COPY_CHUNKS) as copy:
        try:
            for rows in _chunked(verdicts):
                encoded = b"[%b]" % b",".join(text for _, text in rows)
                copy.write_row((batch.pk, rows[0][0], encoded.decode()))
                count += 1
        except ApiError as error:  # the caller rolls back; broken off, the stream would be an error in PostgreSQL's log
            refusal = error
    if refusal:
        raise refusal
    return count


def _chunked(verdicts: Iterable[Verdict]) -> Iterator[list[tuple[int, bytes]]]:
    rows: list[tuple[int, bytes]] = []
    size = 0
    for verdict in verdicts:
        text = exact_json.dumps(verdict.kept())
        rows.append((verdict.at, text))
        size += len(text)
        if len(rows) == CHUNK_ROWS or size >= CHUNK_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _at_most(limit: int, rows: Iterable[Any]) -> Iterator[Any]:
    for count, row in enumerate(rows, 1):
        if count > limit:
            raise TooManyOrders(limit)
        yield row
