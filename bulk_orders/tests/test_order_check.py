"""Claim, release, authorize, reject: what checkers do."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from bulk_orders import orders
from bulk_orders.models import Order, OrderTransition
from bulk_orders.states import Status
from bulk_orders.tests.calls import ORDERS, an_order, api_of, at_once, events, key_of, post
from config.lib.errors import NotFound

DEEDS = ["claim", "release", "authorize", "reject"]
pytestmark = pytest.mark.django_db


def act(user: User | APIClient, order: Order, deed: str, **body: Any) -> Any:
    client = api_of(user) if isinstance(user, User) else user
    return post(client, f"{ORDERS}/{order.pk}/{deed}", body or {"reason": "Scheme is closed"})


def unchanged(order: Order) -> bool:
    fields = ("status", "claimed_by", "authorized_at", "rejected_at")
    now = Order.objects.get(pk=order.pk)
    same = all(getattr(now, name) == getattr(order, name) for name in fields)
    return same and events(order.client) == [] and not OrderTransition.objects.exists()


def test_a_claim_reserves_the_order_and_a_release_gives_it_back(owner: User, checker: User) -> None:
    order = an_order(owner)
    reply = act(checker, order, "claim")
    assert (reply.status_code, reply.json()["message"]) == (200, "Order claimed successfully")
    assert (reply.json()["data"]["status"], reply.json()["data"]["claimedBy"]) == ("Pending Approval", checker.pk)
    reply = act(checker, order, "release")
    assert (reply.status_code, reply.json()["message"]) == (200, "Order released successfully")
    assert (reply.json()["data"]["status"], reply.json()["data"]["claimedBy"]) == ("Pending", None)
    assert act(checker, order, "claim").json()["data"]["status"] == "Pending Approval"
    told = events(owner)
    assert {name for name, _ in told} == {"order.updated"}
    assert [data["claimedBy"] for _, data in told] == [checker.pk, None, checker.pk]


def test_authorizing_sends_the_order_on_its_way(owner: User, checker: User) -> None:
    reply = act(checker, an_order(owner), "authorize")
    assert (reply.status_code, reply.json()["message"]) == (200, "Order authorized successfully")
    data = reply.json()["data"]
    assert (data["status"], data["authorizedBy"]) == ("In Progress", checker.pk)
    ((name, told),) = events(owner)
    assert name == "order.updated"
    assert (told["status"], told["authorizedBy"], told["authorizedAt"]) == (
        *("In Progress", checker.pk),
        data["authorizedAt"],
    )


def test_rejecting_ends_the_order_with_its_reason(owner: User, checker: User) -> None:
    reply = act(checker, an_order(owner), "reject", reason="Scheme is closed")
    assert (reply.status_code, reply.json()["message"]) == (200, "Order rejected successfully")
    data = reply.json()["data"]
    assert (data["status"], data["rejectedReason"]) == ("Failed", "Scheme is closed")
    ((name, told),) = events(owner)
    assert name == "order.failed"
    assert (told["rejectedReason"], told["rejectedAt"]) == ("Scheme is closed", data["rejectedAt"])


@pytest.mark.parametrize("body", [{"reason": ""}, {"reason": "  "}, {"reason": None}, {"other": 1}])
def test_a_rejection_needs_a_reason(owner: User, checker: User, body: dict[str, Any]) -> None:
    order = an_order(owner)
    reply = act(checker, order, "reject", **body)
    assert (reply.status_code, reply.json()["message"]) == (400, "Rejection reason is required")
    assert unchanged(order)


@pytest.mark.parametrize("reason", [5, True, ["closed"], {}])
def test_a_reason_is_text(owner: User, checker: User, reason: Any) -> None:
    order = an_order(owner)
    reply = act(checker, order, "reject", reason=reason)
    assert (reply.status_code, reply.json()["details"][0]["path"]) == (400, "/reason")
    assert unchanged(order)


@pytest.mark.parametrize("deed", ["authorize", "reject"])
def test_nobody_decides_on_their_own_order(checker: User, deed: str) -> None:
    order = an_order(checker)
    reply = act(checker, order, deed)
    assert (reply.status_code, reply.json()["code"]) == (403, "own_order")
    assert unchanged(order)


@pytest.mark.parametrize("deed", DEEDS)
def test_without_the_permission_ones_own_order_is_forbidden_and_anothers_unknown(
    owner: User, outsider: User, deed: str
) -> None:
    order = an_order(owner)
    assert act(owner, order, deed).status_code == 403
    assert act(outsider, order, deed).status_code == 404
    assert act(APIClient(), order, deed).status_code == 401
    assert unchanged(order)


@pytest.mark.parametrize("deed", DEEDS)
def test_no_key_ever_checks_an_order(owner: User, checker: User, deed: str) -> None:
    order = an_order(owner)
    scopes = ("orders:write", "payments:write", "order_status:write")
    for key in (key_of(checker, *scopes), key_of(owner, *scopes)):
        reply = act(key, order, deed)
        assert (reply.status_code, reply.json()["code"]) == (403, "insufficient_scope")
    assert unchanged(order)


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PENDING, Status.PENDING_APPROVAL}))
def test_a_decided_order_stays_as_it_is(owner: User, checker: User, deed: str, status: Status) -> None:
    order = an_order(owner, status=status, claimed_by=checker.pk)
    reply = act(checker, order, deed)
    assert (reply.status_code, reply.json()["code"]) == (409, "invalid_transition")
    assert status in reply.json()["message"]
    assert unchanged(order)


@pytest.mark.parametrize("deed", ["release", "authorize", "reject"])
def test_a_released_order_must_be_claimed_first(owner: User, checker: User, deed: str) -> None:
    order = an_order(owner, status=Status.PENDING)
    assert act(checker, order, deed).status_code == 409
    assert unchanged(order)


@pytest.mark.parametrize("deed", DEEDS)
def test_what_one_checker_holds_no_other_touches(owner: User, checker: User, other_checker: User, deed: str) -> None:
    order = an_order(owner, claimed_by=checker.pk)
    assert act(other_checker, order, deed).status_code == 409
    assert unchanged(order)


def test_who_holds_an_order_is_told_so_when_claiming_it_again(owner: User, checker: User, other_checker: User) -> None:
    order = an_order(owner, claimed_by=checker.pk)
    for user, code, message in (
        (checker, "already_claimed", "You have claimed this order already"),
        (other_checker, "claimed_by_another", "The order is claimed by another checker"),
    ):
        reply = act(user, order, "claim")
        assert (reply.status_code, reply.json()["code"], reply.json()["message"]) == (409, code, message)
    assert unchanged(order)


def test_an_unclaimed_order_cannot_be_released(owner: User, checker: User) -> None:
    order = an_order(owner)
    assert (act(checker, order, "release").json()["code"]) == "not_claimed"
    assert unchanged(order)


def test_unknown_orders_are_not_found(checker: User) -> None:
    for name in ("999", "MO-20260101-NOTTHERE"):
        assert post(api_of(checker), f"{ORDERS}/{name}/claim", {}).status_code == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", ["claim", "authorize"])
def test_of_many_at_once_one_wins(owner: User, make_checker: Callable[[str], User], deed: str) -> None:
    order, checkers = an_order(owner), [make_checker(f"checker {n}") for n in range(8)]
    calls = [partial(act, api_of(user), order, deed) for user in checkers]
    statuses = sorted(reply.status_code for reply in at_once(calls))
    assert statuses == [200, *[409] * 7]
    assert OrderTransition.objects.count() == len(events(owner)) == 1


def test_an_order_that_is_no_more_is_not_found(checker: User, owner: User) -> None:
    order = an_order(owner)
    gone = order.pk
    order.delete()
    with pytest.raises(NotFound):
        orders.authorize(order_id=gone, checker_id=checker.pk)
