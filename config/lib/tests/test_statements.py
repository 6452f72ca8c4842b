"""What every call asks is prepared once for each connection, wherever it is asked."""

from typing import Any

import pytest
from django.db import DataError, ProgrammingError, connection, transaction

from config.lib.postgresql.statements import ask, send

STATEMENT = b"SELECT $1::text, $2::int + 1, $3::timestamptz"


def prepared() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement = %s", [STATEMENT.decode()])
        return int(cursor.fetchone()[0])


def test_values_come_back_as_they_are(transactional_db: None) -> None:
    assert ask(STATEMENT, "ä", 41, None) == [("ä", 42, None)]
    assert ask(b"SELECT 1 WHERE $1::boolean", False) == []


def test_a_statement_is_prepared_once(transactional_db: None) -> None:
    connection.close()
    for number in range(3):
        assert ask(STATEMENT, "x", number, None)[0][1] == number + 1
    assert prepared() == 1


def test_one_that_the_connection_has_forgotten_is_prepared_again(transactional_db: None) -> None:
    assert ask(STATEMENT, "x", 1, None)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert ask(STATEMENT, "x", 1, None) == [("x", 2, None)]


def test_a_column_may_change_its_type_meanwhile(transactional_db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE figures AS SELECT 1::int AS figure")
        assert ask(b"SELECT figure FROM figures") == [(1,)]
        cursor.execute("ALTER TABLE figures ALTER COLUMN figure TYPE text")
        assert ask(b"SELECT figure FROM figures") == [("1",)]
        cursor.execute("DROP TABLE figures")


def test_a_transaction_is_joined(transactional_db: None) -> None:
    with transaction.atomic():
        ask(b"CREATE TEMPORARY TABLE seen (name text) ON COMMIT DROP")
        ask(b"INSERT INTO seen VALUES ($1)", "it")
        assert ask(b"SELECT name FROM seen WHERE name = $1", "it") == [("it",)]
    with pytest.raises(ProgrammingError, match="does not exist"):
        ask(b"SELECT name FROM seen")


def test_behind_a_pooler_nothing_is_prepared(transactional_db: None, monkeypatch: Any) -> None:
    connection.close()
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    assert ask(STATEMENT, "x", 1, None) == [("x", 2, None)]
    assert prepared() == 0


def test_what_is_under_way_is_waited_for_by_who_comes_next(transactional_db: None) -> None:
    first = send(STATEMENT, "first", 1, None)
    assert ask(STATEMENT, "second", 2, None) == [("second", 3, None)]
    third = send(STATEMENT, "third", 3, None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 4")
        assert cursor.fetchone() == (4,)
    assert (first(), third()) == ([("first", 2, None)], [("third", 4, None)])


def test_a_failure_is_told_to_who_asked(transactional_db: None) -> None:
    failing = send(b"SELECT 1 / $1::int", 0)
    assert ask(STATEMENT, "next", 1, None)
    with pytest.raises(DataError, match="division by zero"):
        failing()
