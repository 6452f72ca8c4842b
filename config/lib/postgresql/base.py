"""Django's PostgreSQL, whose pool hands out the connection that was used last, and sees whether it has ended without
asking the server at every request."""

import logging
import select
import time
from collections import deque
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

from config.lib.postgresql.statements import settle

logger = logging.getLogger(__name__)


class UsedLast(deque[Any]):
    """What was put back last is taken first: its process at the server is awake, and has its plans and its data at
    hand. The pool itself would hand out all of its connections in turn."""

    def popleft(self) -> Any:
        return self.pop()


class DatabaseWrapper(base.DatabaseWrapper):
    @property
    def pool(self) -> "ConnectionPool[Any] | None":
        found: ConnectionPool[Any] | None = super().pool
        if found is not None and not isinstance(found._pool, UsedLast):
            with found._lock:
                found._pool = UsedLast(found._pool)
        return found

    def ensure_connection(self) -> None:
        if self.connection is not None:
            settle(self.connection)
        super().ensure_connection()

    def _set_autocommit(self, autocommit: bool) -> None:
        if self.connection.autocommit != autocommit:  # a question of itself is not free, either
            super()._set_autocommit(autocommit)  # type: ignore[misc]  # not in the stubs

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        pool = self.pool
        while pool and not is_open(connection):
            pool.putconn(connection)  # opens another in its place
            connection = super().get_new_connection(conn_params)
        return connection


def fill_pool(seconds: float = 4) -> None:
    """Open a process's connections before its first caller comes: a burst that finds none would be turned away in part.
    Without PostgreSQL the process starts all the same, and says so to whoever calls."""
    wrapper = connections[DEFAULT_DB_ALIAS]
    pool: ConnectionPool[Any] | None = wrapper.pool if isinstance(wrapper, DatabaseWrapper) else None
    if pool is None:
        return
    pool.open()
    until = time.monotonic() + seconds
    # Not by the pool's own `wait`: it closes for good a pool that is late.
    while pool.get_stats()["pool_available"] < pool.min_size:
        if time.monotonic() >= until:
            logger.warning("pool_not_filled")
            return
        time.sleep(0.01)


def is_open(connection: psycopg.Connection[Any]) -> bool:
    """Whether an idle connection will do. A server has little to say on one but that it hangs up: while there is
    nothing to read, the round trip of a ``SELECT 1`` would tell no more."""
    look = select.poll()
    look.register(connection.fileno(), select.POLLIN)
    if not look.poll(0):
        return True
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        connection.close()
        return False
    return True
