"""Waiting for PostgreSQL by something better than doing nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection


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
