from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from bulk_orders.models import Order
from bulk_orders.tests.calls import ORDERS, events, key_of, post
from bulk_orders.tests.forms import cart_item, order_form

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", [ORDERS, f"{ORDERS}/submit", f"{ORDERS}/submit/"])
def test_an_order_awaits_approval_and_is_told(api: APIClient, owner: User, path: str) -> None:
    form = order_form()
    reply = post(api, path, form)
    assert (reply.status_code, reply.json()["message"]) == (201, "Order submitted successfully")
    data, order = reply.json()["data"], Order.objects.get()
    assert (data["id"], data["modelOrderId"], data["clientId"]) == (order.pk, order.model_order_id, owner.pk)
    assert (data["status"], data["ipAddress"]) == ("Pending Approval", "127.0.0.1")
    assert data["traceId"].startswith("TRACE-")
    assert data["rejectedReason"] is None
    assert order.order_form_data == form
    ((name, told),) = events(owner)
    assert name == "order.created"
    assert told == {key: data[key] for key in ("modelOrderId", "clientId", "status", "submittedAt")} | {
        "orderId": order.pk
    }


def test_figures_are_echoed_with_their_digits(api: APIClient) -> None:
    body = b'{"cartItems":[{"schemeName":"A","transactionType":"Purchase","amount":5000.50}],"optOutOfNomination":true,'
    body += b'"transactionMode":{"mode":"Online"},"big":123456789012345678901234567890,"small":0.10}'
    reply = post(api, ORDERS, body)
    assert reply.status_code == 201
    for text in (b'"amount":5000.50', b'"big":123456789012345678901234567890', b'"small":0.10'):
        assert text in reply.content


def test_all_problems_are_told_with_their_place(api: APIClient, owner: User) -> None:
    reply = post(api, ORDERS, order_form(cartItems=[cart_item(amount=0)], nominees=[], euin="x"))
    assert (reply.status_code, reply.json()["code"]) == (400, "validation_error")
    messages = ["Item 1: Amount must be greater than 0", "Nominee information is required", "EUIN is invalid"]
    assert reply.json()["errors"] == messages
    assert [detail["path"] for detail in reply.json()["details"]] == ["/cartItems/0/amount", "/nominees", "/euin"]
    assert not Order.objects.exists()
    assert events(owner) == []


@pytest.mark.parametrize("form", [None, [], "x", 5, True])
def test_an_order_is_an_object(api: APIClient, form: Any) -> None:
    reply = post(api, ORDERS, form)
    assert (reply.status_code, reply.json()["errors"]) == (400, ["Order must be an object"])
    assert not Order.objects.exists()


def test_text_that_cannot_be_stored_is_refused(api: APIClient) -> None:
    for text in ("\\u0000", "\\ud800"):
        reply = post(api, ORDERS, f'{{"note": "{text}"}}'.encode())
        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_text")
    assert not Order.objects.exists()


def test_strangers_and_keys_without_the_scope_are_refused(owner: User) -> None:
    assert post(APIClient(), ORDERS, order_form()).status_code == 401
    assert post(key_of(owner, "orders:read"), ORDERS, order_form()).status_code == 403
    assert not Order.objects.exists()
    assert post(key_of(owner, "orders:write"), ORDERS, order_form()).status_code == 201
    assert Order.objects.get().client == owner
