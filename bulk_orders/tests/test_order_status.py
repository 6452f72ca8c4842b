from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from bulk_orders.models import Order, OrderTransition
from bulk_orders.states import Status
from bulk_orders.tests.calls import ORDERS, an_order, api_of, events, key_of, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def registrar(owner: User) -> APIClient:
    return key_of(owner, "order_status:write")


def report(client: APIClient, order: Order, status: Any, **more: Any) -> Any:
    return post(client, f"{ORDERS}/{order.pk}/status", {"status": status, **more})


def test_an_order_is_followed_to_its_settlement(registrar: APIClient, owner: User) -> None:
    order = an_order(owner, status=Status.IN_PROGRESS)
    for status in ("Settlement Pending", "Executed"):
        assert report(registrar, order, status).json()["data"]["status"] == status
    reply = report(registrar, order, "Settled", rtaRefNo="RTA-1", nav="12.3456", units=81.0045)
    assert (reply.status_code, reply.json()["data"]["rtaRefNo"]) == (200, "RTA-1")
    told = events(owner)
    assert [name for name, _ in told] == ["order.updated", "order.updated", "order.completed"]
    data = told[-1][1]
    assert (data["status"], data["rtaRefNo"], str(data["nav"]), str(data["units"])) == (
        *("Settled", "RTA-1"),
        *("12.3456", "81.0045"),
    )


@pytest.mark.parametrize(("end", "event"), [("Failed", "order.failed"), ("Settlement Reversal", "order.updated")])
def test_it_may_end_badly(registrar: APIClient, owner: User, end: str, event: str) -> None:
    reply = report(registrar, an_order(owner, status=Status.EXECUTED), end, reason="Cheque bounced")
    assert reply.json()["data"]["status"] == end
    ((name, data),) = events(owner)
    assert (name, data["reason"]) == (event, "Cheque bounced")


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("Pending Approval", "Failed"),
        ("In Progress", "Settled"),
        ("Executed", "Settlement Pending"),
        ("Settled", "Failed"),
        ("In Progress", "Pending"),
        ("In Progress", "Pending Approval"),
        ("In Progress", "In Progress"),
        ("Executed", "Cancelled"),
    ],
)
def test_stages_cannot_be_skipped_nor_undone(registrar: APIClient, owner: User, status: str, wanted: str) -> None:
    order = an_order(owner, status=status)
    reply = report(registrar, order, wanted)
    assert (reply.status_code, reply.json()["code"]) == (409, "invalid_transition")
    assert status in reply.json()["message"]
    assert wanted in reply.json()["message"]
    assert Order.objects.get().status == status
    assert events(owner) == []


UNKNOWN: list[Any] = ["settled", "Done", "", None, 5, []]
NONSENSE: dict[str, list[Any]] = {"nav": [0, -1, True, "x"], "rtaRefNo": [{}, 5], "reason": [{}, 5], "units": [{}]}


@pytest.mark.parametrize(
    ("status", "more"),
    [
        *((status, {}) for status in UNKNOWN),
        *(("Executed", {name: value}) for name, values in NONSENSE.items() for value in values),
    ],
)
def test_reports_that_make_no_sense_are_refused(
    registrar: APIClient, owner: User, status: Any, more: dict[str, Any]
) -> None:
    order = an_order(owner, status=Status.SETTLEMENT_PENDING)
    assert report(registrar, order, status, **more).status_code == 400
    assert not OrderTransition.objects.exists()
    assert events(owner) == []


def test_a_registrar_reaches_those_it_acts_for_and_no_others(owner: User, outsider: User) -> None:
    order = an_order(owner, status=Status.IN_PROGRESS)
    assert report(key_of(outsider, "order_status:write"), order, "Failed").status_code == 404
    assert Order.objects.get().status == Status.IN_PROGRESS
    reaching = key_of(outsider, "order_status:write", acts_for=[owner.pk])
    assert report(reaching, order, "Failed").status_code == 200
    assert len(events(owner)) == 1


def test_people_and_other_scopes_report_nothing(owner: User, checker: User) -> None:
    order = an_order(owner, status=Status.IN_PROGRESS)
    for client in (api_of(owner), api_of(checker), key_of(owner, "orders:write", "payments:write")):
        assert report(client, order, "Failed").status_code == 403
    assert report(APIClient(), order, "Failed").status_code == 401
    assert Order.objects.get().status == Status.IN_PROGRESS


def test_the_history_lists_every_move(registrar: APIClient, api: APIClient, owner: User, checker: User) -> None:
    order = an_order(owner)
    post(api_of(checker), f"{ORDERS}/{order.pk}/claim", {})
    post(api_of(checker), f"{ORDERS}/{order.pk}/authorize", {})
    report(registrar, order, "Failed", reason="Folio closed", rtaRefNo="RTA-2")
    reply = api.get(f"{ORDERS}/{order.pk}/history")
    moves = reply.json()
    assert api_of(checker).get(f"{ORDERS}/{order.model_order_id}/history").json() == moves
    assert reply.headers["X-Total-Count"] == "4"
    assert [(move["by"], move["from"], move["to"], move["reason"]) for move in moves] == [
        (owner.pk, None, "Pending Approval", None),
        (checker.pk, "Pending Approval", "Pending Approval", None),
        (checker.pk, "Pending Approval", "In Progress", None),
        (owner.pk, "In Progress", "Failed", "Folio closed"),
    ]
    assert moves[-1]["details"] == {"rtaRefNo": "RTA-2"}
    assert all(move["at"].endswith("Z") for move in moves)
