from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient
from structlog.contextvars import get_contextvars

from bulk_orders.models import Batch, Chunk, Order, Result
from bulk_orders.tests.calls import BATCHES, api_of, events, key_of, post, submit, work
from bulk_orders.tests.forms import cart_item, order_form

BAD = order_form(cartItems=[])
pytestmark = pytest.mark.django_db


def nothing_happened() -> bool:
    return not (Batch.objects.exists() or Chunk.objects.exists() or Order.objects.exists() or Result.objects.exists())


def test_a_submission_is_accepted_with_the_true_verdicts(api: APIClient) -> None:
    reply = post(api, BATCHES, {"orders": [order_form(), BAD, order_form()]})
    assert reply.status_code == 202
    body = reply.json()
    assert reply["Location"] == f"{BATCHES}/{body['batchId']}"
    assert body == {
        "success": True,
        "batchId": body["batchId"],
        "message": "Bulk order submitted for processing",
        "summary": {
            "total": 3,
            "submitted": 2,
            "failed": 1,
            "errors": [
                {
                    "index": 1,
                    "error": "Cart items are required",
                    "problems": [{"path": "/cartItems", "code": "required", "message": "Cart items are required"}],
                }
            ],
        },
    }
    batch = Batch.objects.get()
    assert (batch.status, batch.total, batch.processed) == ("pending", 3, 0)
    assert not Order.objects.exists()
    assert get_contextvars()["batch_id"] == batch.batch_id, "the log of the request names its batch"


def test_every_good_row_becomes_an_order_of_the_submitter(api: APIClient, owner: User) -> None:
    batch = work(submit(api, order_form(clientRef="A"), BAD, order_form(clientRef="B")))
    assert (batch.status, batch.processed, batch.succeeded, batch.failed, batch.skipped) == ("partial", 3, 2, 1, 0)
    assert batch.completed_at is not None
    orders = Order.objects.order_by("id")
    assert [order.order_form_data["clientRef"] for order in orders] == ["A", "B"]
    assert {order.status for order in orders} == {"Pending Approval"}
    assert {(order.client_id, order.ip_address, order.trace_id) for order in orders} == {
        (owner.pk, "127.0.0.1", batch.trace_id)
    }
    results = list(Result.objects.order_by("order_index"))
    assert [result.order_id for result in results] == [orders[0].pk, None, orders[1].pk]
    assert results[1].order_data == BAD
    assert not Chunk.objects.exists()


def test_the_form_is_kept_as_it_was_sent(api: APIClient) -> None:
    form = order_form(cartItems=[cart_item(amount=Decimal("12345678901234.5670"))], note="नमस्ते 🙂")
    work(submit(api, form))
    assert Order.objects.get().order_form_data == form
    assert str(Order.objects.get().order_form_data["cartItems"][0]["amount"]) == "12345678901234.5670"


def test_each_order_and_the_end_of_the_batch_are_told_to_the_owner(api: APIClient, owner: User) -> None:
    batch = work(submit(api, order_form(), BAD))
    order = Order.objects.get()
    (created, first), (completed, last) = events(owner)
    assert (created, completed) == ("order.created", "bulk_order.completed")
    assert first["orderId"] == order.pk
    assert first["modelOrderId"] == order.model_order_id
    assert (first["clientId"], first["status"]) == (owner.pk, "Pending Approval")
    assert last == {
        "batchId": batch.pk,
        "status": "partial",
        "total": 2,
        "succeeded": 1,
        "failed": 1,
        "skipped": 0,
        "run": 1,
    }


def test_a_batch_of_good_rows_is_completed_and_one_of_bad_rows_failed(api: APIClient) -> None:
    assert work(submit(api, order_form())).status == "completed"
    assert work(submit(api, BAD, None)).status == "failed"


def test_stop_on_error_makes_the_rows_before_and_skips_the_rest(api: APIClient) -> None:
    reply = post(api, BATCHES, {"orders": [order_form(), BAD, order_form(), None], "options": {"stopOnError": True}})
    summary = reply.json()["summary"]
    assert (summary["total"], summary["submitted"], summary["failed"]) == (4, 1, 1)
    batch = work(reply.json()["batchId"])
    assert (batch.status, batch.succeeded, batch.failed, batch.skipped) == ("failed", 1, 1, 2)
    assert batch.error == "Stopped on error at index 1: Cart items are required"
    assert list(Result.objects.order_by("order_index").values_list("status", flat=True)) == [
        *("succeeded", "failed", "skipped", "skipped")
    ]


def test_stop_on_error_without_an_error_completes(api: APIClient) -> None:
    assert work(submit(api, order_form(), order_form(), stopOnError=True)).status == "completed"


def test_validate_only_ends_at_once_without_orders_or_events(api: APIClient, owner: User) -> None:
    reply = post(api, BATCHES, {"orders": [order_form(), BAD], "options": {"validateOnly": True}})
    assert (reply.status_code, reply.json()["message"]) == (202, "Orders validated successfully")
    batch = Batch.objects.get()
    assert (batch.status, batch.processed, batch.succeeded, batch.failed) == ("partial", 2, 1, 1)
    assert not Order.objects.exists()
    assert not Chunk.objects.exists()
    assert events(owner) == []


def test_a_client_reference_is_unique_in_its_batch(api: APIClient) -> None:
    rows = [order_form(clientRef="A"), order_form(clientRef="A"), order_form(clientRef="B"), order_form(clientRef="")]
    reply = post(api, BATCHES, {"orders": [*rows, order_form(clientRef="")]})
    assert [(error["index"], error["error"]) for error in reply.json()["summary"]["errors"]] == [
        (1, "Duplicate clientRef")
    ]


def test_all_problems_of_a_row_are_joined(api: APIClient) -> None:
    reply = post(api, BATCHES, {"orders": [{}]})
    (error,) = reply.json()["summary"]["errors"]
    expected = "Cart items are required; Transaction mode is required; Nominee information is required"
    assert error["error"] == expected
    assert len(error["problems"]) == 3


@pytest.mark.parametrize("row", [None, 5, "x", [], True, {"cartItems": [None]}, {"cartItems": {}, "nominees": [[]]}])
def test_rows_of_wrong_types_fail_alone(api: APIClient, row: Any) -> None:
    batch = work(submit(api, order_form(), row))
    assert (batch.succeeded, batch.failed) == (1, 1)


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800"])
def test_text_that_cannot_be_stored_is_its_rows_error(api: APIClient, text: str) -> None:
    good = '{"cartItems": [], "note": "x"}'
    body = f'{{"orders": [{good.replace("x", text)}, {{"note": "{text}", "clientRef": "{text}"}}, "{text}"]}}'
    reply = post(api, BATCHES, body.encode())
    assert reply.status_code == 202
    batch = work(reply.json()["batchId"])
    assert (batch.status, batch.failed) == ("failed", 3)
    assert [result.order_data for result in Result.objects.all()] == [None] * 3


@pytest.mark.parametrize("rest", ['"options": {"a": "T"}', '"note": ["T"]', '"T": 1'])
@pytest.mark.parametrize("text", ["\\u0000", "\\ud800"])
def test_beside_the_rows_such_text_is_the_requests_error(api: APIClient, rest: str, text: str) -> None:
    body = f'{{"orders": [{{}}], {rest.replace("T", text)}}}'
    reply = post(api, BATCHES, body.encode())
    assert (reply.status_code, reply.json()["code"], Batch.objects.count()) == (400, "invalid_text", 0)


@pytest.mark.parametrize("orders", [None, [], {}, "x", 5, {"0": order_form()}])
def test_orders_are_required(api: APIClient, orders: Any) -> None:
    reply = post(api, BATCHES, {"orders": orders})
    assert reply.status_code == 400
    assert reply.json()["message"] == "Orders array is required and cannot be empty"
    assert reply.json()["errors"] == ["At least one order is required"]
    assert nothing_happened()


@pytest.mark.parametrize("body", [[], "x", None, 5, {}])
def test_a_body_of_another_shape_has_no_orders(api: APIClient, body: Any) -> None:
    assert post(api, BATCHES, body).json()["message"] == "Orders array is required and cannot be empty"
    assert nothing_happened()


def test_more_than_the_limit_is_refused_whole(api: APIClient) -> None:
    reply = post(api, BATCHES, {"orders": [order_form()] * 101})
    assert reply.status_code == 400
    assert (reply.json()["message"], reply.json()["errors"]) == ("Too many orders", ["Maximum 100 orders per batch"])
    assert nothing_happened()


@pytest.mark.parametrize("options", [5, "x", [], {"stopOnError": "yes"}, {"validateOnly": 1}, {"validateOnly": {}}])
def test_bad_options_are_refused(api: APIClient, options: Any) -> None:
    reply = post(api, BATCHES, {"orders": [order_form()], "options": options})
    assert reply.status_code == 400
    assert reply.json()["message"].startswith("Invalid bulk order request: options")
    assert nothing_happened()


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"orders": [NaN]}', b"\xff", b'{"orders": ' + b"[" * 40 + b"]" * 40 + b"}"]
)
def test_malformed_json_is_refused(api: APIClient, body: bytes) -> None:
    reply = post(api, BATCHES, body)
    assert reply.status_code == 400
    assert nothing_happened()


def test_duplicate_keys_count_once_and_the_last_wins(api: APIClient) -> None:
    body = b'{"orders": [], "orders": [{}]}'
    assert post(api, BATCHES, body).status_code == 202


def test_long_texts_pass_up_to_the_bodys_limit(api: APIClient) -> None:
    assert work(submit(api, order_form(note="x" * 1_000_000))).status == "completed"
    reply = post(api, BATCHES, {"orders": [order_form(note="x" * 6_000_000)]})
    assert reply.status_code == 413


def test_a_large_batch_goes_in_chunks(api: APIClient, settings: Any) -> None:
    settings.BULK_ORDERS_MAX = 1200
    batch_id = submit(api, *[order_form()] * 1200)
    assert Chunk.objects.count() == 3
    assert work(batch_id).succeeded == 1200
    assert Order.objects.count() == Result.objects.count() == 1200


def test_strangers_cannot_submit() -> None:
    assert post(APIClient(), BATCHES, {"orders": [order_form()]}).status_code == 401
    assert nothing_happened()


def test_a_key_needs_the_scope(owner: User) -> None:
    refused = post(key_of(owner, "bulk_orders:read"), BATCHES, {"orders": [order_form()]})
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert nothing_happened()
    assert post(key_of(owner, "bulk_orders:write"), BATCHES, {"orders": [order_form()]}).status_code == 202
    assert Batch.objects.get().user == owner


def test_the_versioned_route_is_the_same(api: APIClient) -> None:
    reply = post(api, "/api/v1/bulk-orders", {"orders": [order_form()]})
    assert reply["Location"] == f"/api/v1/bulk-orders/{reply.json()['batchId']}"


def test_a_batch_belongs_to_its_submitter(api: APIClient, outsider: User) -> None:
    batch_id = submit(api, order_form())
    assert api_of(outsider).get(f"{BATCHES}/{batch_id}").status_code == 404
