"""What may be done to a batch that was taken in: cancel what is not processed yet, run what failed again."""

from collections.abc import Iterator
from datetime import date
from functools import partial
from itertools import islice

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from bulk_orders import processing, tasks
from bulk_orders.intake import CHUNK_ROWS, write_chunks
from bulk_orders.models import Batch, BatchStatus, Result
from bulk_orders.rulebook import DUPLICATE_CLIENT_REF, Problem, judge
from bulk_orders.verdicts import Outcome, Verdict
from config.lib import logs
from config.lib.announcements import announce
from config.lib.errors import Conflict, NotFound

RUNNING = (BatchStatus.PENDING, BatchStatus.PROCESSING)


class BatchFinished(Conflict):
    def __init__(self, batch: Batch) -> None:
        super().__init__(f"Bulk order batch is {batch.status} already", code="invalid_transition")


class NothingToRetry(Conflict):
    def __init__(self, batch: Batch) -> None:
        reason = "is still running" if batch.status in RUNNING else "has no failed orders to run again"
        super().__init__(f"Bulk order batch {reason}", code="invalid_transition")


@transaction.atomic
def cancel(*, batch_id: str) -> Batch:
    """Skip every row that no worker has in hand; those in hand are finished. Raises `BatchFinished`."""
    batch = _locked(batch_id)
    if batch.status not in RUNNING:
        raise BatchFinished(batch)
    batch.cancelled_at = timezone.now()
    batch.save(update_fields=["cancelled_at"])
    processing.process_at_once(batch, skip=True)
    return batch


@transaction.atomic
def retry(*, batch_id: str) -> Batch:
    """Run the failed rows again, judged as on the first day. Raises `NothingToRetry`."""
    batch = _locked(batch_id)
    if batch.status in RUNNING or not batch.failed or batch.validate_only:
        raise NothingToRetry(batch)
    chunks = sum(write_chunks(batch, verdicts) for verdicts in _new_verdicts(batch))
    batch.processed, batch.failed, batch.run = batch.processed - batch.failed, 0, batch.run + 1
    batch.status, batch.error, batch.completed_at, batch.cancelled_at = BatchStatus.PROCESSING, None, None, None
    batch.request_id = logs.request_id()
    batch.save()
    transaction.on_commit(partial(tasks.nudge, batch.pk, chunks))
    announce(batch.pk)
    return batch


def _locked(batch_id: str) -> Batch:
    batch = Batch.objects.select_for_update(no_key=True).filter(pk=batch_id).first()
    if batch is None:
        raise NotFound("Bulk order batch not found")
    return batch


def _new_verdicts(batch: Batch) -> Iterator[list[Verdict]]:
    """On the rows that failed, some at a time."""
    named = batch.results.filter(client_ref__isnull=False)
    first_of_name = dict(named.values_list("client_ref").annotate(Min("order_index")))
    failed = batch.results.filter(status=Outcome.FAILED).order_by("order_index").iterator(CHUNK_ROWS)
    while results := list(islice(failed, CHUNK_ROWS)):
        yield [_new_verdict(result, first_of_name, on=batch.judged_on) for result in results]


def _new_verdict(result: Result, first_of_name: dict[str | None, int], *, on: date) -> Verdict:
    """A row that could not be stored cannot be judged again: it keeps its problems."""
    problems = [Problem(**problem) for problem in result.problems]
    if result.order_data is not None:
        problems = judge(result.order_data, on=on)
        if first_of_name.get(result.client_ref, result.order_index) < result.order_index:
            problems.append(DUPLICATE_CLIENT_REF)
    outcome = Outcome.FAILED if problems else Outcome.SUCCEEDED
    return Verdict(result.order_index, result.order_data, outcome, problems)
