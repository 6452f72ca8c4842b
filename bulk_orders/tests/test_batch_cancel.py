from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from bulk_orders import batches, processing
from bulk_orders.models import Batch, Chunk, Order
from bulk_orders.tests.calls import BATCHES, api_of, events, key_of, post, submit, work
from bulk_orders.tests.forms import order_form
from config.lib.errors import NotFound

BAD = order_form(cartItems=[])
pytestmark = pytest.mark.django_db


def cancel(client: APIClient, batch_id: str) -> Any:
    return post(client, f"{BATCHES}/{batch_id}/cancel", {})


def test_what_is_not_processed_is_skipped(api: APIClient, owner: User) -> None:
    reply = cancel(api, submit(api, order_form(), BAD))
    assert reply.status_code == 200
    body = reply.json()
    assert (body["status"], body["processed"], body["skipped"], body["error"]) == ("failed", 2, 2, "Cancelled")
    assert not Order.objects.exists()
    assert not Chunk.objects.exists()
    ((name, data),) = events(owner)
    assert (name, data["skipped"]) == ("bulk_order.completed", 2)


@pytest.mark.parametrize("stop_on_error", [False, True])
def test_what_was_processed_stays(api: APIClient, settings: Any, stop_on_error: bool) -> None:
    settings.BULK_ORDERS_MAX = 1100
    batch_id = submit(api, *[order_form()] * 1100, stopOnError=stop_on_error)
    processing.process_next_chunk(batch_id)
    cancel(api, batch_id)
    batch = Batch.objects.get()
    assert (batch.status, batch.succeeded, batch.skipped) == ("partial", 500, 600)
    assert Order.objects.count() == 500


def test_a_finished_batch_cannot_be_cancelled(api: APIClient) -> None:
    batch = work(submit(api, order_form()))
    reply = cancel(api, batch.pk)
    assert (reply.status_code, reply.json()["code"]) == (409, "invalid_transition")
    assert Batch.objects.get().cancelled_at is None


def test_an_unknown_batch_cannot_be_cancelled_or_retried() -> None:
    for deed in (batches.cancel, batches.retry):
        with pytest.raises(NotFound):
            deed(batch_id="BATCH-20260101-UNKNOWN0")


def test_only_the_submitter_cancels(api: APIClient, owner: User, outsider: User) -> None:
    batch_id = submit(api, order_form())
    assert cancel(api_of(outsider), batch_id).status_code == 404
    assert cancel(APIClient(), batch_id).status_code == 401
    assert cancel(key_of(owner, "bulk_orders:read"), batch_id).status_code == 403
    assert Batch.objects.get().status == "pending"
    assert cancel(key_of(owner, "bulk_orders:write"), batch_id).status_code == 200
