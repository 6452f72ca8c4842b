from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from bulk_orders.models import Order, Payment
from bulk_orders.states import Status
from bulk_orders.tests.calls import ORDERS, an_order, api_of, at_once, events, key_of, post

PAID: dict[str, Any] = {
    "status": "received",
    "paymentReference": "PAY-1",
    "amount": Decimal("5000.50"),
    "remarks": "UPI",
}
FAILED = PAID | {"status": "failed", "remarks": "declined"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway(owner: User) -> APIClient:
    return key_of(owner, "payments:write")


def pay(client: APIClient, order: Order, body: Any = PAID, **headers: str) -> Any:
    return post(client, f"{ORDERS}/{order.pk}/payments", body, **headers)


def test_a_payment_is_noted_and_told(gateway: APIClient, owner: User) -> None:
    order = an_order(owner)
    reply = pay(gateway, order)
    assert (reply.status_code, reply.json()["success"]) == (201, True)
    assert reply.json()["data"]["paymentReference"] == "PAY-1"
    assert b'"amount":5000.50' in reply.content
    order.refresh_from_db()
    assert (order.pg_payment_reference_no, order.payment_linked_status, order.pay_remarks) == (
        "PAY-1",
        "received",
        "UPI",
    )
    ((name, data),) = events(owner)
    assert name == "payment.received"
    assert data == {
        "orderId": order.pk,
        "modelOrderId": order.model_order_id,
        "paymentReference": "PAY-1",
        "amount": Decimal("5000.50"),
        "status": "received",
    }


def test_the_identical_repeat_is_no_news(gateway: APIClient, owner: User) -> None:
    order = an_order(owner)
    pay(gateway, order)
    assert pay(gateway, order, PAID | {"amount": "5000.5"}).status_code == 200
    Order.objects.update(status=Status.FAILED)
    assert pay(gateway, order).status_code == 200
    assert (Payment.objects.count(), len(events(owner))) == (1, 1)


@pytest.mark.parametrize("amount", ["5000.50", "5000", "5000.0000", "0.0001"])
def test_the_repeat_shows_the_same_digits(gateway: APIClient, owner: User, amount: str) -> None:
    order, body = an_order(owner), PAID | {"amount": Decimal(amount)}
    first, second = pay(gateway, order, body), pay(gateway, order, body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert f'"amount":{amount},'.encode() in first.content
    assert first.content.partition(b'"data"')[2] == second.content.partition(b'"data"')[2]


def test_remarks_may_be_blank_or_missing(gateway: APIClient, owner: User) -> None:
    order = an_order(owner)
    replies = [pay(gateway, order, PAID | {"remarks": remarks}) for remarks in ("", None, "  ")]
    assert [reply.status_code for reply in replies] == [201, 200, 200]
    assert [reply.json()["data"]["remarks"] for reply in replies] == [None] * 3


def test_a_failed_payment_may_be_received_later(gateway: APIClient, owner: User) -> None:
    order = an_order(owner)
    assert pay(gateway, order, FAILED).status_code == 201
    assert pay(gateway, order, PAID).status_code == 201
    assert Payment.objects.get().status == "received"
    assert Order.objects.get().payment_linked_status == "received"
    assert [name for name, _ in events(owner)] == ["payment.failed", "payment.received"]


@pytest.mark.parametrize(
    ("first", "second"), [(PAID, FAILED), (PAID, PAID | {"amount": 1}), (FAILED, PAID | {"amount": 1})]
)
def test_any_other_difference_is_a_conflict(gateway: APIClient, owner: User, first: Any, second: Any) -> None:
    order = an_order(owner)
    pay(gateway, order, first)
    reply = pay(gateway, order, second)
    assert (reply.status_code, reply.json()["code"]) == (409, "payment_conflict")
    assert Payment.objects.get().status == first["status"]
    assert len(events(owner)) == 1


def test_a_failure_never_hides_a_payment_that_was_received(gateway: APIClient, owner: User) -> None:
    order = an_order(owner)
    pay(gateway, order)
    pay(gateway, order, FAILED | {"paymentReference": "PAY-2"})
    assert Order.objects.get().payment_linked_status == "received"
    assert Payment.objects.count() == 2


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_a_dead_order_takes_no_payment(gateway: APIClient, owner: User, status: Status) -> None:
    assert pay(gateway, an_order(owner, status=status)).status_code == 409
    assert not Payment.objects.exists()


NONSENSE: dict[str, list[Any]] = {
    "status": ["paid", None, 5, []],
    "paymentReference": ["", None, {}, 123, "x" * 201],
    "amount": [0, -1, "0.00", True, None, "1e3", "1.23456", "x", [], 10**15],
    "remarks": [{}, 5, True],
}


@pytest.mark.parametrize("change", [{name: value} for name, values in NONSENSE.items() for value in values])
def test_particulars_that_make_no_sense_are_refused(gateway: APIClient, owner: User, change: dict[str, Any]) -> None:
    reply = pay(gateway, an_order(owner), PAID | change)
    assert reply.status_code == 400
    (name,) = change
    assert reply.json()["details"][0]["path"] == f"/{name}"
    assert name in reply.json()["errors"][0]
    assert not Payment.objects.exists()
    assert events(owner) == []


def test_an_idempotency_key_replays_the_first_reply(gateway: APIClient, owner: User) -> None:
    order = an_order(owner)
    first, second = pay(gateway, order, idempotency_key="k"), pay(gateway, order, idempotency_key="k")
    assert first.status_code == second.status_code == 201
    assert second["Idempotent-Replayed"] == "true"


def test_a_gateway_reaches_those_it_acts_for_and_no_others(owner: User, outsider: User) -> None:
    order = an_order(owner)
    assert pay(key_of(outsider, "payments:write"), order).status_code == 404
    assert pay(key_of(owner, "payments:write", acts_for=[outsider.pk]), order).status_code == 404
    assert not Payment.objects.exists()
    assert pay(key_of(outsider, "payments:write", acts_for=[owner.pk]), order).status_code == 201
    assert len(events(owner)) == 1
    assert events(outsider) == []


def test_people_and_other_scopes_report_no_payments(owner: User, checker: User) -> None:
    order = an_order(owner)
    for client in (api_of(owner), api_of(checker), key_of(owner, "orders:write", "order_status:write")):
        reply = pay(client, order)
        assert (reply.status_code, reply.json()["code"]) == (403, "insufficient_scope")
    assert pay(APIClient(), order).status_code == 401
    assert not Payment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_reports_at_once_one_is_news(owner: User) -> None:
    order, gateways = an_order(owner), [key_of(owner, "payments:write") for _ in range(6)]
    replies = at_once([partial(pay, gateway, order) for gateway in gateways])
    assert sorted(reply.status_code for reply in replies) == [*[200] * 5, 201]
    assert Payment.objects.count() == len(events(owner)) == 1
