import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from bulk_orders import tasks
from bulk_orders.models import Batch, Chunk, Order
from bulk_orders.tests.calls import submit
from bulk_orders.tests.forms import order_form
from config.lib import valkey

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
