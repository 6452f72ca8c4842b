import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from rest_framework.test import APIClient

from bulk_orders import waiting
from bulk_orders.models import Batch
from bulk_orders.tests.calls import BATCHES, api_of, submit, work
from bulk_orders.tests.forms import order_form

pytestmark = pytest.mark.django_db(transaction=True)


def wait(client: APIClient, batch_id: str, seconds: Any = 20) -> Any:
    try:
        return client.get(f"{BATCHES}/{batch_id}", {"wait": seconds})
    finally:
        connection.close()


@contextmanager
def waiters(owner: User, batch_id: str, count: int) -> Iterator[list[Future[Any]]]:
    """`count` callers who wait already."""
    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(wait, api_of(owner), batch_id) for _ in range(count)]
        while waiting.PLACES.taken.total() < count:
            time.sleep(0.01)
        yield futures


def test_a_waiting_caller_is_told_as_soon_as_the_batch_moves(api: APIClient, owner: User) -> None:
    batch_id = submit(api, order_form())
    with waiters(owner, batch_id, 1) as (future,):
        assert not future.done()
        work(batch_id)
        assert future.result(timeout=10).json()["status"] == "completed"
    assert not waiting.PLACES.taken


def test_a_third_poll_of_a_caller_is_answered_at_once(api: APIClient, owner: User) -> None:
    batch_id = submit(api, order_form())
    with waiters(owner, batch_id, 2) as futures:
        assert wait(api, batch_id).json()["status"] == "pending"
        assert not any(future.done() for future in futures)
        work(batch_id)


def test_a_full_process_answers_at_once(api: APIClient, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting.PLACES, "per_process", 1)
    batch_id = submit(api, order_form())
    with waiters(owner, batch_id, 1):
        assert wait(api, batch_id).json()["status"] == "pending"
        work(batch_id)


def test_the_wait_ends_by_itself(api: APIClient) -> None:
    assert wait(api, submit(api, order_form()), 1).json()["status"] == "pending"


def test_a_finished_batch_is_shown_at_once(api: APIClient) -> None:
    assert wait(api, work(submit(api, order_form())).pk).json()["status"] == "completed"


def test_who_knows_an_older_state_does_not_wait(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{BATCHES}/{(batch_id := submit(api, order_form()))}"
    tag = api.get(path)["ETag"]
    assert api.get(path, {"wait": 1}, HTTP_IF_NONE_MATCH=tag).status_code == 304
    Batch.objects.filter(pk=batch_id).update(status="processing")
    monkeypatch.setattr(waiting, "wait_for_change", None)  # not even asked
    assert api.get(path, {"wait": 20}, HTTP_IF_NONE_MATCH=tag).json()["status"] == "processing"


@pytest.mark.parametrize(("text", "seconds"), [(None, 0), ("", 0), ("0", 0), ("20", 20), ("31", 30), ("9" * 99, 30)])
def test_waits_are_cut_at_half_a_minute(text: str | None, seconds: int) -> None:
    assert waiting.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "1.5", "٣"])
def test_a_wait_is_a_number(api: APIClient, text: str) -> None:
    assert wait(api, submit(api, order_form()), text).status_code == 400
