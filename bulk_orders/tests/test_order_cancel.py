from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from bulk_orders.models import Order, OrderTransition
from bulk_orders.states import Status
from bulk_orders.tests.calls import ORDERS, an_order, api_of, events, key_of, post

pytestmark = pytest.mark.django_db


def cancel(client: APIClient, order: Order, body: Any = None) -> Any:
    return post(client, f"{ORDERS}/{order.pk}/cancel", {"reason": "Changed my mind"} if body is None else body)


@pytest.mark.parametrize("status", [Status.PENDING, Status.PENDING_APPROVAL])
def test_the_owner_takes_an_order_back(api: APIClient, owner: User, status: Status) -> None:
    reply = cancel(api, an_order(owner, status=status))
    assert (reply.status_code, reply.json()["message"]) == (200, "Order cancelled successfully")
    assert reply.json()["data"]["status"] == "Cancelled"
    ((name, data),) = events(owner)
    assert (name, data["status"], data["reason"]) == ("order.updated", "Cancelled", "Changed my mind")


@pytest.mark.parametrize("body", [{}, {"reason": None}, {"reason": ""}, b""])
def test_a_reason_is_welcome_but_not_needed(api: APIClient, owner: User, body: Any) -> None:
    assert cancel(api, an_order(owner), body).status_code == 200
    assert not OrderTransition.objects.get().reason


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PENDING, Status.PENDING_APPROVAL}))
def test_it_is_too_late_once_authorized(api: APIClient, owner: User, status: Status) -> None:
    reply = cancel(api, an_order(owner, status=status))
    assert (reply.status_code, reply.json()["code"]) == (409, "invalid_transition")
    assert status in reply.json()["message"]
    assert "Cancelled" in reply.json()["message"]
    assert Order.objects.get().status == status
    assert events(owner) == []


def test_only_the_owner_cancels(owner: User, outsider: User, checker: User) -> None:
    order = an_order(owner)
    for client in (api_of(outsider), api_of(checker), key_of(outsider, "orders:write")):
        assert cancel(client, order).status_code == 404
    assert cancel(key_of(owner, "orders:read"), order).status_code == 403
    assert cancel(APIClient(), order).status_code == 401
    assert Order.objects.get().status == Status.PENDING_APPROVAL
    assert cancel(key_of(owner, "orders:write"), order).status_code == 200


def test_a_body_that_is_no_object_is_refused(api: APIClient, owner: User) -> None:
    bodies: list[Any] = [["x"], "x", 5, {"reason": {}}, {"reason": "x" * 1001}]
    for body in bodies:
        assert cancel(api, an_order(owner), body).status_code == 400
    assert not OrderTransition.objects.exists()
