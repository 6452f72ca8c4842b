from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulk_orders import batches, intake, processing
from bulk_orders.models import Batch, Chunk, Order, Result
from bulk_orders.rulebook import judge
from bulk_orders.tests.calls import at_once, events
from bulk_orders.tests.forms import cart_item, nominee, order_form

# Every rule is kept or broken by chance, and every combination of that is a row.
AMOUNTS = st.sampled_from([Decimal("5000.50"), "10", 0, "1e3", "-1", None, True])
ITEMS = st.builds(
    cart_item,
    amount=AMOUNTS,
    transactionType=st.sampled_from(["Purchase", "Switch", "Full Redemption", "Gift", None]),
    schemeName=st.sampled_from(["Value Fund", " ", None, "a\0b"]),
    sourceSchemeId=st.sampled_from(["", 5, None]),
)
NOMINEES = st.builds(
    nominee,
    percentage=st.sampled_from([100, "50", Decimal("33.34"), "half", None]),
    pan=st.sampled_from(["ABCDE1234F", "abc", None]),
    dateOfBirth=st.sampled_from(["1990-04-01", "2020-04-01", "2008-11-22", "soon", None]),
    guardianName=st.sampled_from(["Ravi", None]),
)
FORMS = st.builds(
    order_form,
    cartItems=st.lists(ITEMS, max_size=2),
    transactionMode=st.sampled_from([{"mode": "Email"}, {"mode": "Fax"}, {"mode": "Online", "euin": "E1"}, None]),
    nominees=st.lists(NOMINEES, max_size=3),
    optOutOfNomination=st.sampled_from([True, False, None, "no"]),
    euin=st.sampled_from(["", "E123456", "e123456"]),
    clientRef=st.sampled_from(["A", "B", "", None, 5, "x" * 101]),
)
ROWS = st.lists(st.one_of(FORMS, st.just(order_form()), st.sampled_from([None, {}, 5])), min_size=1, max_size=6)
pytestmark = pytest.mark.django_db


def take_in(user: User, rows: list[Any], **options: bool) -> Batch:
    with transaction.atomic():
        submission = intake.submit(
            user_id=user.pk, rows=rows, limit=100_000, options=intake.Options(**options), address=None
        )
    return submission.batch


def verdicts(batch: Batch) -> list[tuple[int, str, str | None]]:
    return list(batch.results.order_by("order_index").values_list("order_index", "status", "error"))


def process(batch: Batch) -> None:
    while processing.process_next_chunk(batch.pk):
        pass


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=ROWS, stop=st.booleans())
def test_what_validation_promises_the_real_run_does(owner: User, rows: list[Any], stop: bool) -> None:
    promised = take_in(owner, rows, stop_on_error=stop, validate_only=True)
    real = take_in(owner, rows, stop_on_error=stop)
    process(real)
    real.refresh_from_db()
    assert verdicts(promised) == verdicts(real)
    if not stop:
        assert [bool(judge(row, on=real.judged_on)) for row in rows] == [
            status == "failed" and error != "Duplicate clientRef" for _, status, error in verdicts(real)
        ]
    for name in ("status", "total", "processed", "succeeded", "failed", "skipped", "error"):
        assert getattr(promised, name) == getattr(real, name)
    assert Order.objects.filter(trace_id=real.trace_id).count() == real.succeeded


def test_a_chunk_that_fails_half_way_leaves_no_trace(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = take_in(owner, [order_form()] * 3)

    def pull_the_plug(*args: object) -> None:
        raise ConnectionError("the server has gone")

    with monkeypatch.context() as patch:
        patch.setattr(processing, "_count", pull_the_plug)
        with pytest.raises(ConnectionError):
            processing.process_next_chunk(batch.pk)
    assert not Order.objects.exists()
    assert not Result.objects.exists()
    assert events(owner) == []
    process(batch)
    assert Order.objects.count() == 3


def test_processing_again_changes_nothing(owner: User) -> None:
    batch = take_in(owner, [order_form()])
    process(batch)
    process(batch)
    assert not processing.process_next_chunk("BATCH-20260101-UNKNOWN0")
    assert Order.objects.count() == 1
    assert len(events(owner)) == 2


def test_orders_of_a_batch_are_numbered_in_its_order(owner: User) -> None:
    batch = take_in(owner, [order_form(clientRef=str(n)) for n in range(1200)], stop_on_error=True)
    process(batch)
    references = [order.order_form_data["clientRef"] for order in Order.objects.order_by("id")]
    assert references == [str(n) for n in range(1200)]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight chunks of 400 rows: as much to quarrel about as of 4,000."""
    monkeypatch.setattr(intake, "CHUNK_ROWS", 50)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.usefixtures("small_chunks")
def test_many_workers_do_every_row_once(owner: User, stop: bool) -> None:
    batch = take_in(owner, [order_form(clientRef=str(n)) for n in range(400)], stop_on_error=stop)
    at_once([lambda: process(batch)] * 4)
    process(batch)  # an ordered batch may be left by all when each finds the first chunk taken
    batch.refresh_from_db()
    assert (batch.status, batch.succeeded) == ("completed", 400)
    assert Order.objects.count() == Result.objects.count() == 400
    assert [name for name, _ in events(owner)].count("bulk_order.completed") == 1
    assert not Chunk.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("small_chunks")
def test_counters_add_up_whenever_somebody_looks(owner: User) -> None:
    batch = take_in(owner, [order_form(cartItems=[cart_item(amount=n % 3)]) for n in range(600)])
    seen: list[Batch] = []

    def look() -> None:
        while not seen or seen[-1].completed_at is None:
            seen.append(Batch.objects.get(pk=batch.pk))

    at_once([look, *[lambda: process(batch)] * 2])
    for moment in seen:
        assert moment.processed == moment.succeeded + moment.failed + moment.skipped <= moment.total
    assert [moment.processed for moment in seen] == sorted(moment.processed for moment in seen)
    assert (seen[-1].succeeded, seen[-1].failed) == (400, 200)
    assert all(moment.completed_at is None for moment in seen if moment.processed < moment.total)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("small_chunks")
def test_a_cancellation_among_busy_workers_leaves_every_row_counted_once(owner: User) -> None:
    batch = take_in(owner, [order_form()] * 400)

    def cancel() -> None:
        with suppress(batches.BatchFinished):
            batches.cancel(batch_id=batch.pk)

    at_once([cancel, *[lambda: process(batch)] * 3])
    process(batch)
    batch.refresh_from_db()
    assert batch.processed == batch.succeeded + batch.skipped == 400
    assert Order.objects.count() == batch.succeeded
    assert Result.objects.count() == 400
    assert [name for name, _ in events(owner)].count("bulk_order.completed") == 1
