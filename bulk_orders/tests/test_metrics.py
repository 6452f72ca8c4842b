"""What is open, to whoever watches, and the counter of rows."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from bulk_orders import metrics
from bulk_orders.models import Batch, Chunk
from bulk_orders.tests.calls import api_of, submit, work
from bulk_orders.tests.forms import order_form
from config.lib.metrics.scrape import exposition
from config.lib.metrics.truths import DatabaseTruths


def figures() -> dict[str, float]:
    lines = exposition([DatabaseTruths(metrics.TRUTHS)]).decode().splitlines()
    told = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}
    assert not [name for name in told if name.startswith("gateway_scrape_failed")]
    return told


@pytest.mark.django_db
def test_nothing_open_is_zero() -> None:
    told = figures()
    assert (told["gateway_bulk_open_chunks"], told["gateway_bulk_oldest_open_seconds"]) == (0, 0)


def test_open_chunks_and_the_age_of_their_oldest_batch(owner: User) -> None:
    now = timezone.now()
    for name, age, chunks in (("BATCH-1", 40, 2), ("BATCH-2", 20, 1), ("BATCH-3", 9000, 0)):
        moment = now - timedelta(seconds=age)
        batch = Batch.objects.create(
            batch_id=name, user=owner, total=9, judged_on=now.date(), trace_id="TRACE-1", created_at=moment
        )
        Chunk.objects.bulk_create(Chunk(batch=batch, first_index=at, rows=[]) for at in range(chunks))
    told = figures()
    assert told["gateway_bulk_open_chunks"] == 3
    assert 30 <= told["gateway_bulk_oldest_open_seconds"] < 300


@pytest.mark.django_db
def test_rows_are_counted_by_outcome() -> None:
    name = 'gateway_bulk_rows_total{outcome="failed"}'
    before = figures().get(name, 0)
    metrics.carried_out({"failed": 3, "succeeded": 97})
    assert figures()[name] == before + 3


@pytest.mark.django_db(transaction=True)
def test_rows_and_batches_are_counted_when_they_are_done(owner: User) -> None:
    rows, batches = metrics.ROWS.labels("succeeded")._value, metrics.BATCHES.labels("completed")._value
    before = rows.get(), batches.get()
    work(submit(api_of(owner), order_form(), order_form()))
    assert (rows.get(), batches.get()) == (before[0] + 2, before[1] + 1)
