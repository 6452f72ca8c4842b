"""Statements whose speed matters: parameters travel apart from the text, so that PostgreSQL plans once
(see `config.lib.postgresql.connections`)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection


def execute(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement on Django's connection, inside its transaction if there is one, and return all rows.

    Lists are best written ``%(name)b::type[]``: in binary, they cost a fifth of what their text form does.
    """
    connection.ensure_connection()
    session: psycopg.Connection[tuple[Any, ...]] = connection.connection
    with connection.wrap_database_errors, psycopg.Cursor(session) as cursor:
        cursor.execute(statement.encode(), parameters, binary=True)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def waiting_by(wait: Callable[[int, int], int]) -> Iterator[None]:
    """Within the block, PostgreSQL is waited for by `wait`, which may do something else meanwhile.

    It is called with a descriptor and the events to wait for there (1 reads, 2 writes), and returns those that came.
    """
    connection.ensure_connection()
    session: psycopg.Connection[tuple[Any, ...]] = connection.connection

    def exhaust(generator: Any, *_: object, **__: object) -> Any:
        """What psycopg's `Connection.wait` promises."""
        try:
            wanted = next(generator)
            while True:
                wanted = generator.send(wait(session.fileno(), wanted))
        except StopIteration as end:
            return end.value

    session.wait = exhaust  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del session.wait
