"""Deleting what is too old, a small batch at a time: short locks, a vacuum that keeps up, and a stop at any moment."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import connection, transaction
from psycopg import sql

BATCH = 1000  # rows of the table itself; what hangs on them goes with them
SLOW_SECONDS = 0.5  # a batch that takes longer is followed by one of half its size: an event may have gone to hundreds
PAUSE_SECONDS = 0.05  # after each batch, for everybody else
ENOUGH_SECONDS = 600.0  # a longer backlog is the next run's


def delete_in_batches(
    table: str,
    column: str,
    older_than: datetime,
    *,
    unless: str = "",
    flag: str = "",
    batch: int = BATCH,
    pause: float = PAUSE_SECONDS,
    enough: float = ENOUGH_SECONDS,
) -> int:
    """Delete rows whose `column` is before `older_than`, oldest first, and return how many.

    `column` should lead an index. `unless` is SQL of ours: rows of which it is true stay (the table's own name is in
    scope). `flag` names a setting that is "on" in each batch's transaction, for a trigger to see. Each batch is a
    transaction of its own, so this must not be called inside one. Rows that somebody has locked are left for the next
    run. Stops after `enough` seconds.
    """
    if connection.in_atomic_block:
        raise transaction.TransactionManagementError("One transaction around all batches would hold every lock")
    statement = _statement(table, column, unless)
    return sum(_batches(lambda size: _delete(statement, older_than, size, flag), batch, pause, enough))


def _batches(delete: Callable[[int], int], most: int, pause: float, enough: float) -> Iterator[int]:
    """How many rows each call of `delete` took, told how many it may; to the end of the rows or of the time."""
    until, size = time.monotonic() + enough, most
    while True:
        started = time.monotonic()
        gone = delete(size)
        ended = time.monotonic()
        yield gone
        if gone < size or ended >= until:
            return
        size = next_size(size, ended - started, most=most)
        time.sleep(pause)


def next_size(size: int, seconds: float, *, most: int) -> int:
    """How many rows to delete at once after `size` of them took so long."""
    if seconds > SLOW_SECONDS:
        return max(size // 2, 1)
    return min(size * 2, most) if seconds < SLOW_SECONDS / 4 else size


def _delete(statement: str, before: datetime, size: int, flag: str) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        if flag:
            cursor.execute("SELECT set_config(%s, 'on', true)", [flag])
        cursor.execute(statement, {"before": before, "batch": size})
        rows: int = cursor.rowcount
        return rows


def _statement(table: str, column: str, unless: str) -> str:
    template = """
        DELETE FROM {table} WHERE ctid = ANY (ARRAY(
          SELECT ctid FROM {table} WHERE {column} < %(before)s AND NOT coalesce(({unless}), false)
          ORDER BY {column} LIMIT %(batch)s FOR UPDATE SKIP LOCKED))"""
    parts = {"table": sql.Identifier(table), "column": sql.Identifier(column), "unless": sql.SQL(unless or "false")}
    return sql.SQL(template).format(**parts).as_string(None)
