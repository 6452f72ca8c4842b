import base64
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from bulk_orders.states import Status
from bulk_orders.tests.calls import ORDERS, an_order, api_of, key_of

pytestmark = pytest.mark.django_db


def test_an_order_is_found_by_either_id(api: APIClient, owner: User) -> None:
    order = an_order(owner)
    for name in (order.pk, order.model_order_id):
        reply = api.get(f"{ORDERS}/{name}")
        assert (reply.status_code, reply.json()["id"]) == (200, order.pk)


@pytest.mark.parametrize("name", ["0", "999", "2147483648", "9" * 40, "MO-20260101-NOTTHERE", "null", "-1", "٣"])
def test_an_unknown_order_is_never_made_up(api: APIClient, name: str) -> None:
    reply = api.get(f"{ORDERS}/{name}")
    assert (reply.status_code, reply.json()["message"]) == (404, "Order not found")


def test_anothers_order_looks_unknown(outsider: User, owner: User) -> None:
    order, client = an_order(owner), api_of(outsider)
    assert client.get(f"{ORDERS}/{order.pk}").json() == client.get(f"{ORDERS}/999999").json()
    assert client.get(f"{ORDERS}/{order.pk}/history").status_code == 404
    assert client.get(ORDERS).json() == []


def test_a_checker_sees_every_order_but_not_through_a_key(owner: User, checker: User) -> None:
    order = an_order(owner)
    assert api_of(checker).get(f"{ORDERS}/{order.pk}").status_code == 200
    assert [row["id"] for row in api_of(checker).get(ORDERS).json()] == [order.pk]
    key = key_of(checker, "orders:write")
    assert key.get(f"{ORDERS}/{order.pk}").status_code == 404
    assert key.get(ORDERS).json() == []


def test_strangers_and_keys_without_the_scope_see_nothing(owner: User) -> None:
    assert APIClient().get(ORDERS).status_code == 401
    assert key_of(owner, "bulk_orders:write").get(ORDERS).status_code == 403


def test_orders_come_newest_first(api: APIClient, owner: User) -> None:
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (2, 3, 1)]
    orders = [an_order(owner, submitted_at=day) for day in days]
    assert [row["id"] for row in api.get(ORDERS).json()] == [orders[1].pk, orders[0].pk, orders[2].pk]


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ({"startDate": "2026-01-02"}, [3, 2]),
        ({"endDate": "2026-01-02"}, [2, 1]),
        ({"startDate": "2026-01-02", "endDate": "2026-01-02"}, [2]),
        ({"startDate": "2026-01-02T12:00:01Z"}, [3]),
        ({"startDate": "2026-01-02T12:00:00Z", "endDate": "2026-01-02T17:30:00+05:30"}, [2]),
        ({"endDate": "2026-01-02T11:59:59"}, [1]),
        ({"startDate": "0001-01-01", "endDate": "9999-12-31"}, [3, 2, 1]),
        ({"startDate": "", "endDate": "", "status": ""}, [3, 2, 1]),
    ],
)
def test_days_are_utc_and_both_included(api: APIClient, owner: User, query: dict[str, str], days: list[int]) -> None:
    for day in (1, 2, 3):
        an_order(owner, submitted_at=datetime(2026, 1, day, 12, tzinfo=UTC))
    assert [int(row["submittedAt"][8:10]) for row in api.get(ORDERS, query).json()] == days


@pytest.mark.parametrize(
    "query", [{"startDate": "soon"}, {"endDate": "2026-02-30"}, {"endDate": "2026-01-01T99:00"}, {"status": "Lost"}]
)
def test_filters_that_make_no_sense_are_refused(api: APIClient, query: dict[str, str]) -> None:
    reply = api.get(ORDERS, query)
    assert reply.status_code == 400
    assert reply.json()["details"][0]["path"] == f"/{next(iter(query))}"


@pytest.mark.parametrize("position", ["2026-01-01T00:00:00Z abc", "2026-01-01T00:00:00 5", "soon 5", "é"])
def test_a_cursor_that_is_not_ours_is_refused(api: APIClient, position: str) -> None:
    cursor = base64.urlsafe_b64encode(position.encode()).decode()
    for text in (cursor, position):
        reply = api.get(ORDERS, {"cursor": text})
        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_cursor")


def test_a_cursor_goes_on_where_the_page_ended(api: APIClient, owner: User) -> None:
    orders = [an_order(owner, submitted_at=datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 2, 3)]
    cursor = base64.urlsafe_b64encode(f"2026-01-03T00:00:00Z {orders[2].pk}".encode()).decode()
    assert [row["id"] for row in api.get(ORDERS, {"cursor": cursor}).json()] == [orders[1].pk, orders[0].pk]
    far = base64.urlsafe_b64encode(f"2026-01-03T00:00:00Z {10**30}".encode()).decode()
    assert len(api.get(ORDERS, {"cursor": far}).json()) == 3


def test_orders_are_filtered_by_status(api: APIClient, owner: User) -> None:
    an_order(owner)
    settled = an_order(owner, status=Status.SETTLED)
    assert [row["id"] for row in api.get(ORDERS, {"status": "Settled"}).json()] == [settled.pk]


def test_the_number_of_queries_does_not_grow(
    api: APIClient, owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        for _ in range(3):
            an_order(owner)
        with django_assert_num_queries(6):  # session, user, two of permissions, page, count
            api.get(ORDERS)
