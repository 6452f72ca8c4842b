"""Old rows go, in batches that nobody has to wait for; young, wanted and locked ones stay."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from config.lib.retention import BATCH, SLOW_SECONDS, delete_in_batches, next_size

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def table(transactional_db: None) -> Iterator[str]:
    """Rows 1 to 10, one a day back from now, the older half wanted by nobody but number 8."""
    with connection.cursor() as cursor:
        cursor.execute('CREATE TABLE "old things" (id int PRIMARY KEY, "the day" timestamptz, wanted boolean)')
        cursor.executemany(
            'INSERT INTO "old things" VALUES (%s, %s, %s)',
            [(number, NOW - timedelta(days=number), True if number == 8 else None) for number in range(1, 11)],
        )
    yield "old things"
    with connection.cursor() as cursor:
        cursor.execute('DROP TABLE "old things"')


def left() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute('SELECT id FROM "old things" ORDER BY id')
        return [number for (number,) in cursor.fetchall()]


def delete(table: str, **options: Any) -> int:
    return delete_in_batches(table, "the day", NOW - timedelta(days=5), **({"pause": 0.0} | options))


def test_deletes_what_is_older_and_nothing_else(table: str) -> None:
    assert delete(table) == 5
    assert left() == [1, 2, 3, 4, 5]
    assert delete(table) == 0


@pytest.mark.parametrize("batch", [1, 2, 5, 6])
def test_the_size_of_a_batch_changes_nothing(table: str, batch: int) -> None:
    assert delete(table, batch=batch) == 5
    assert left() == [1, 2, 3, 4, 5]


def test_what_is_still_wanted_stays(table: str) -> None:
    assert delete(table, unless="wanted", batch=2) == 4
    assert left() == [1, 2, 3, 4, 5, 8]


def test_the_oldest_go_first_and_the_rest_has_time(table: str) -> None:
    assert delete(table, batch=2, enough=0.0) == 2
    assert left() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_row_that_somebody_holds_is_not_waited_for(table: str) -> None:
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute('SELECT 1 FROM "old things" WHERE id = 9 FOR UPDATE')
        assert delete(table) == 4
    assert left() == [1, 2, 3, 4, 5, 9]


def test_what_takes_long_is_done_in_smaller_steps() -> None:
    size = next_size(BATCH, SLOW_SECONDS * 2, most=BATCH)
    assert size == BATCH // 2
    assert next_size(size, SLOW_SECONDS / 2, most=BATCH) == size
    assert next_size(size, 0.0, most=BATCH) == BATCH == next_size(BATCH, 0.0, most=BATCH)
    assert next_size(1, SLOW_SECONDS * 2, most=BATCH) == 1


def test_each_batch_is_committed(table: str) -> None:
    with pytest.raises(transaction.TransactionManagementError), transaction.atomic():
        delete(table)
    assert len(left()) == 10
