import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient
from structlog.contextvars import clear_contextvars

from bulk_orders import tasks
from bulk_orders.models import Batch, Chunk, Order, Result
from bulk_orders.tests.calls import BATCHES, post, submit, work
from bulk_orders.tests.forms import order_form
from config.lib import logs, valkey

pytestmark = pytest.mark.django_db


def messages(batch_id: str) -> int:
    """How many nudges about the batch wait at the broker."""
    waiting: Any = valkey.client().lrange("bulk_orders", 0, -1)
    bodies = [base64.b64decode(json.loads(message)["body"]).decode() for message in waiting]
    return sum(batch_id in body for body in bodies)


def test_a_submission_nudges_workers_once_it_is_committed(
    api: APIClient, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        batch_id = submit(api, order_form())
    assert messages(batch_id) == 0
    for callback in callbacks:
        callback()
    assert messages(batch_id) == 1


def test_a_validation_nudges_nobody(
    api: APIClient, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        batch_id = submit(api, order_form(), validateOnly=True)
    assert messages(batch_id) == 0


def test_without_a_broker_the_work_waits_for_the_sweep(
    api: APIClient,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    def refuse(batch_id: str) -> None:
        raise OperationalError("connection refused")

    with monkeypatch.context() as patch, django_capture_on_commit_callbacks(execute=True):
        patch.setattr(tasks.process_batch, "delay", refuse)
        batch_id = submit(api, order_form())
    assert Chunk.objects.count() == 1
    tasks.sweep()
    assert messages(batch_id) == 0, "a fresh batch is not stalled"
    Batch.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    tasks.sweep()
    assert messages(batch_id) == 1


def test_the_sweep_leaves_finished_batches_alone(api: APIClient) -> None:
    batch_id = submit(api, order_form())
    tasks.process_batch(batch_id)
    Batch.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    tasks.sweep()
    assert messages(batch_id) == 0


def test_a_long_batch_gives_way_to_others_after_a_turn(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CHUNKS_A_TURN", 1)
    batch_id = submit(api, order_form())
    tasks.process_batch(batch_id)
    assert messages(batch_id) == 1
    assert Order.objects.count() == 1


def request_ids(batch_id: str) -> set[str | None]:
    """What the events of a batch and of its orders say of the request that made them."""
    rows = apps.get_model("webhooks", "Event").objects.values_list("data", "request_id")
    orders = set(Order.objects.filter(trace_id=Batch.objects.get(pk=batch_id).trace_id).values_list("pk", flat=True))
    return {request for data, request in rows if data.get("batchId") == batch_id or data.get("orderId") in orders}


def test_what_the_sweep_finds_is_still_of_its_request(api: APIClient) -> None:
    first, second = (
        post(api, BATCHES, {"orders": [order_form()]}, x_request_id=name).json()["batchId"] for name in ("r-1", "r-2")
    )
    with logs.scope():
        clear_contextvars()
        tasks.carry_on()
        assert logs.request_id() is None
    assert (request_ids(first), request_ids(second)) == ({"r-1"}, {"r-2"})


def test_what_is_retried_is_of_the_request_to_retry(api: APIClient) -> None:
    rows = [order_form(clientRef="A"), order_form(clientRef="A")]
    batch_id = post(api, BATCHES, {"orders": rows}, x_request_id="r-1").json()["batchId"]
    work(batch_id)
    Result.objects.filter(batch=batch_id, status="succeeded").update(client_ref="B")
    assert post(api, f"{BATCHES}/{batch_id}/retry", {}, x_request_id="r-2").status_code == 202
    with logs.scope():
        clear_contextvars()
        tasks.process_batch(batch_id)
    assert request_ids(batch_id) == {"r-1", "r-2"}
