"""Statements that are planned once, and waiting for PostgreSQL by something better than doing nothing."""

import select

import pytest
from django.db import DataError, connection, transaction

from config.lib.postgresql.statements import execute
from webhooks.sql import waiting_by

pytestmark = pytest.mark.django_db


class Waiter:
    """Notes how often it was asked to wait."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, descriptor: int, events: int) -> int:
        self.calls += 1
        readable, writable, _ = select.select([descriptor], [descriptor] if events & 2 else [], [])
        return bool(readable) | bool(writable) << 1


def test_a_statement_that_comes_again_is_planned_once_for_all_parameters() -> None:
    for number in range(6):
        assert execute("SELECT 7 + %(number)s::int AS sum", {"number": number}) == [(7 + number,)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT custom_plans, generic_plans > 0 FROM pg_prepared_statements WHERE statement LIKE '%sum'")
        assert cursor.fetchall() == [(0, True)]


def test_what_is_to_be_done_meanwhile_is_done() -> None:
    waiter = Waiter()
    with waiting_by(waiter):
        assert execute("SELECT 7 FROM pg_sleep(0.01)", {}) == [(7,)]
    assert waiter.calls


def test_long_parameters_and_long_answers_pass() -> None:
    text = "x" * 3_000_000
    with waiting_by(Waiter()):
        assert execute("SELECT %(text)s || 'y'", {"text": text}) == [(text + "y",)]


def test_afterwards_nothing_is_different() -> None:
    waiter = Waiter()
    with waiting_by(waiter):
        pass
    assert execute("SELECT 7", {}) == [(7,)]
    assert waiter.calls == 0


def test_an_error_of_the_server_is_raised_and_the_connection_goes_on() -> None:
    with waiting_by(Waiter()):
        with pytest.raises(DataError), transaction.atomic():
            execute("SELECT 1 / %(zero)s::int", {"zero": 0})
        assert execute("SELECT 7", {}) == [(7,)]
    assert connection.is_usable()
