from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from bulk_orders.tests.calls import BATCHES, api_of, key_of, post, submit, work
from bulk_orders.tests.forms import order_form

BAD = order_form(cartItems=[])
pytestmark = pytest.mark.django_db


def test_a_waiting_batch_shows_its_counters(api: APIClient) -> None:
    body = api.get(f"{BATCHES}/{submit(api, order_form(), BAD)}").json()
    assert (body["status"], body["total"], body["processed"]) == ("pending", 2, 0)
    assert (body["orders"], body["errors"], body["error"], body["completedAt"]) == ([], [], None, None)
    assert body["createdAt"].endswith("Z")


def test_a_finished_batch_shows_orders_and_errors(api: APIClient) -> None:
    batch = work(submit(api, order_form(clientRef="A"), BAD))
    body = api.get(f"{BATCHES}/{batch.pk}").json()
    assert (body["status"], body["succeeded"], body["failed"], body["skipped"]) == ("partial", 1, 1, 0)
    (order,), (error,) = body["orders"], body["errors"]
    assert (order["index"], order["clientRef"], order["success"]) == (0, "A", True)
    assert order["orderId"]
    assert order["modelOrderId"].startswith("MO-")
    assert (error["index"], error["error"]) == (1, "Cart items are required")


def test_the_reply_shows_the_first_hundred_of_each(api: APIClient, settings: Any) -> None:
    settings.BULK_ORDERS_MAX = 300
    batch = work(submit(api, *[order_form(), BAD] * 110))
    body = api.get(f"{BATCHES}/{batch.pk}").json()
    assert [len(body["orders"]), len(body["errors"])] == [100, 100]
    assert [row["index"] for row in body["errors"]] == list(range(1, 200, 2))


def test_an_unknown_batch_and_anothers_batch_look_alike(api: APIClient, outsider: User) -> None:
    batch_id = submit(api, order_form())
    unknown = api.get(f"{BATCHES}/BATCH-20260101-ABCDEFGH")
    anothers = api_of(outsider).get(f"{BATCHES}/{batch_id}")
    assert unknown.status_code == anothers.status_code == 404
    assert unknown.json() == anothers.json()
    assert unknown.json()["message"] == "Bulk order batch not found"


def test_strange_ids_are_unknown(api: APIClient) -> None:
    for batch_id in ("x" * 5000, "%F0%9F%99%82", "1"):
        assert api.get(f"{BATCHES}/{batch_id}").status_code == 404


def test_strangers_and_keys_without_scope_see_nothing(api: APIClient, owner: User) -> None:
    batch_id = submit(api, order_form())
    assert APIClient().get(f"{BATCHES}/{batch_id}").status_code == 401
    assert key_of(owner, "orders:read").get(f"{BATCHES}/{batch_id}").status_code == 403
    assert key_of(owner, "bulk_orders:write").get(f"{BATCHES}/{batch_id}").status_code == 200


def test_a_body_on_get_is_ignored(api: APIClient) -> None:
    path = f"{BATCHES}/{submit(api, order_form())}"
    assert api.generic("GET", path, "{nonsense", content_type="application/json").status_code == 200


def test_what_is_known_is_not_sent_again(api: APIClient) -> None:
    path = f"{BATCHES}/{(batch_id := submit(api, order_form(cartItems=[])))}"
    tag = api.get(path)["ETag"]
    for known in (tag, f"W/{tag}", f'"else", {tag}'):
        reply = api.get(path, HTTP_IF_NONE_MATCH=known)
        assert (reply.status_code, reply.content, reply["ETag"]) == (304, b"", tag)
    work(batch_id)
    moved = api.get(path, HTTP_IF_NONE_MATCH=tag)
    assert (moved.status_code, moved.json()["status"]) == (200, "failed")
    assert post(api, f"{path}/retry", {}).status_code == 202
    work(batch_id)
    assert api.get(path)["ETag"] not in (tag, moved["ETag"])
