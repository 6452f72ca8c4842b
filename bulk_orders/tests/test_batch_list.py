import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from bulk_orders.tests.calls import BATCHES, api_of, submit, work
from bulk_orders.tests.forms import order_form

pytestmark = pytest.mark.django_db


def test_batches_come_newest_first_as_a_bare_array(api: APIClient) -> None:
    first, second = work(submit(api, order_form())), submit(api, order_form())
    reply = api.get(BATCHES)
    assert reply["X-Total-Count"] == "2"
    assert {row["batchId"] for row in reply.json()} == {second, first.pk}
    assert set(reply.json()[0]) == {
        *("batchId", "status", "total", "processed", "succeeded", "failed", "createdAt", "completedAt")
    }


def test_pages_are_linked(api: APIClient) -> None:
    for _ in range(3):
        submit(api, order_form())
    reply = api.get(BATCHES, {"limit": 2})
    assert len(reply.json()) == 2
    assert 'rel="next"' in reply["Link"]


def test_batches_are_filtered_by_status(api: APIClient) -> None:
    work(submit(api, order_form()))
    waiting = submit(api, order_form())
    assert [row["batchId"] for row in api.get(BATCHES, {"status": "pending"}).json()] == [waiting]
    reply = api.get(BATCHES, {"status": "lost"})
    assert reply.status_code == 400
    assert reply.json()["details"][0]["path"] == "/status"


def test_nobody_sees_anothers_batches(api: APIClient, outsider: User) -> None:
    submit(api, order_form())
    reply = api_of(outsider).get(BATCHES)
    assert (reply.json(), reply["X-Total-Count"]) == ([], "0")


def test_strangers_see_nothing() -> None:
    assert APIClient().get(BATCHES).status_code == 401


def test_the_number_of_queries_does_not_grow(api: APIClient, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    submit(api, order_form())
    with django_assert_num_queries(4):  # session, user, page, count
        api.get(BATCHES)
    for _ in range(5):
        submit(api, order_form())
    with django_assert_num_queries(4):
        api.get(BATCHES)
