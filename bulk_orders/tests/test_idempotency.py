from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from bulk_orders import tasks
from bulk_orders.idempotency import KEPT_FOR
from bulk_orders.models import Batch, IdempotencyKey, Order
from bulk_orders.tests.calls import BATCHES, ORDERS, api_of, at_once, key_of, post
from bulk_orders.tests.forms import order_form

BODY = {"orders": [order_form()]}
pytestmark = pytest.mark.django_db


def send(client: APIClient, key: str, body: Any = BODY, path: str = BATCHES) -> Any:
    return post(client, path, body, idempotency_key=key)


def test_the_first_reply_is_replayed_to_the_letter(api: APIClient) -> None:
    first, second = send(api, "k1"), send(api, "k1")
    assert (second.status_code, second.content) == (202, first.content)
    assert second["Location"] == first["Location"]
    assert second["Content-Type"] == first["Content-Type"]
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert Batch.objects.count() == 1


def test_another_body_or_route_with_the_same_key_is_refused(api: APIClient) -> None:
    send(api, "k1")
    for reply in (send(api, "k1", {"orders": [order_form(), order_form()]}), send(api, "k1", order_form(), ORDERS)):
        assert (reply.status_code, reply.json()["code"]) == (422, "idempotency_key_reused")
    assert Batch.objects.count() == 1
    assert not Order.objects.exists()


def test_the_versioned_route_is_the_same_request(api: APIClient) -> None:
    send(api, "k1")
    assert send(api, "k1", BODY, "/api/v1/bulk-orders")["Idempotent-Replayed"] == "true"


def test_spaces_and_order_of_keys_make_no_other_body_but_a_number_is_not_its_text(api: APIClient) -> None:
    def raw(text: bytes) -> Any:
        return post(api, BATCHES, text, idempotency_key="k")

    assert raw(b'{"orders":[{"a":1.50,"b":2}]}').status_code == 202
    assert raw(b'{ "orders": [ {"b": 2, "a": 1.50} ] }').status_code == 202
    assert raw(b'{"orders":[{"a":"1.50","b":2}]}').status_code == 422
    assert Batch.objects.count() == 1


def test_only_successes_are_remembered(api: APIClient) -> None:
    assert send(api, "k1", {"orders": []}).status_code == 400
    assert not IdempotencyKey.objects.exists()
    assert send(api, "k1").status_code == 202


def test_keys_belong_to_their_caller(api: APIClient, owner: User, outsider: User) -> None:
    callers = [api, api_of(outsider), key_of(owner, "bulk_orders:write"), key_of(owner, "bulk_orders:write")]
    replies = [send(caller, "k1") for caller in callers]
    assert [reply.status_code for reply in replies] == [202] * 4
    assert Batch.objects.count() == 4


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x01b", "tab\t"])
def test_a_key_is_short_and_printable(api: APIClient, key: str) -> None:
    reply = send(api, key)
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_idempotency_key")
    assert not Batch.objects.exists()


def test_a_key_of_full_length_is_taken(api: APIClient) -> None:
    assert send(api, "x" * 255).status_code == 202


def test_a_key_is_forgotten_after_a_day(api: APIClient) -> None:
    send(api, "k1")
    IdempotencyKey.objects.update(created_at=timezone.now() - KEPT_FOR + timedelta(minutes=1))
    assert "Idempotent-Replayed" in send(api, "k1")
    IdempotencyKey.objects.update(created_at=timezone.now() - KEPT_FOR)
    assert "Idempotent-Replayed" not in send(api, "k1")
    assert Batch.objects.count() == 2


def test_expired_keys_are_deleted_in_the_background(api: APIClient) -> None:
    send(api, "old")
    IdempotencyKey.objects.update(created_at=timezone.now() - KEPT_FOR)
    send(api, "new")
    tasks.forget_idempotency_keys()
    assert [row.key for row in IdempotencyKey.objects.all()] == ["new"]


def test_a_single_order_is_submitted_once(api: APIClient) -> None:
    first, second = send(api, "k", order_form(), f"{ORDERS}/submit"), send(api, "k", order_form(), f"{ORDERS}/submit")
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_make_one_batch(owner: User) -> None:
    replies = Counter(
        (reply.status_code, reply.json().get("batchId") or reply.json()["code"])
        for reply in at_once([partial(send, api_of(owner), "k") for _ in range(50)])
    )
    assert Batch.objects.count() == 1
    assert set(replies) <= {(202, Batch.objects.get().pk), (409, "idempotency_in_progress")}
    assert replies[202, Batch.objects.get().pk] >= 1
