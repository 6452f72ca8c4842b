"""A pool hands out connections that work, and asks the server only where there is doubt."""

import os
import re
import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from psycopg import pq
from psycopg.conninfo import make_conninfo

from config.lib import health
from config.lib.environment import CHECKOUT
from config.lib.postgresql import base, statements
from config.lib.postgresql.base import DatabaseWrapper, fill_pool, is_open
from config.lib.postgresql.connections import WAITING, connection_to


@pytest.fixture
def pooled(transactional_db: None) -> Iterator[DatabaseWrapper]:
    """The test database through a pool of one, as a web process has it."""
    wanted: dict[str, Any] = {**connection.settings_dict, "CONN_HEALTH_CHECKS": False, "CONN_MAX_AGE": 0}
    wanted["OPTIONS"] = {**wanted["OPTIONS"], "pool": {"min_size": 1, "max_size": 1, "timeout": 5}}
    wrapper = DatabaseWrapper(wanted, alias="default")
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def number_of(wrapper: DatabaseWrapper) -> int:
    """The server's process behind the connection that a request gets; it goes back to the pool."""
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        number = int(cursor.fetchone()[0])
    wrapper.close()
    return number


def end(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [number])


def test_a_connection_is_used_again(pooled: DatabaseWrapper) -> None:
    assert number_of(pooled) == number_of(pooled)


def test_health_is_asked_beside_a_pool_that_is_used_up(
    pooled: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "connection", pooled)
    with pooled.cursor():
        assert health.database_answers()


def test_a_connection_that_the_server_has_ended_is_replaced_unseen(pooled: DatabaseWrapper) -> None:
    first = number_of(pooled)
    end(first)
    assert number_of(pooled) != first


def test_a_connection_that_still_has_something_under_way_is_not_handed_on(
    pooled: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one request has asked, another must never read."""
    monkeypatch.setattr(statements, "connection", pooled)
    wait = statements.send(b"SELECT pg_backend_pid()")
    first = pooled.connection.info.backend_pid
    pooled.close()
    assert number_of(pooled) != first
    with pytest.raises(OperationalError, match="closed"):
        wait()


def test_of_several_connections_the_one_used_last_is_used_again(pooled: DatabaseWrapper) -> None:
    pooled.close_pool()
    pooled.settings_dict["OPTIONS"]["pool"] = {"min_size": 3, "max_size": 3, "timeout": 5}
    assert pooled.pool is not None
    pooled.pool.open(wait=True)
    assert len({number_of(pooled) for _ in range(6)}) == 1


def test_nothing_is_sent_to_find_a_connection_open(pooled: DatabaseWrapper) -> None:
    pooled.ensure_connection()
    raw: psycopg.Connection[Any] = pooled.connection
    sent: list[Any] = []
    raw.execute = lambda *arguments: sent.append(arguments)  # type: ignore[assignment, method-assign]
    assert is_open(raw)
    assert not sent


def test_a_notice_is_no_farewell(pooled: DatabaseWrapper) -> None:
    pooled.ensure_connection()
    raw: psycopg.Connection[Any] = pooled.connection
    raw.execute("LISTEN anything")
    with connection.cursor() as cursor:
        cursor.execute("NOTIFY anything")
    assert is_open(raw)
    raw.close()


def test_a_session_that_is_shared_keeps_nothing_beyond_a_transaction() -> None:
    alone = connection_to("postgres://me:pw@host/db", pool_size=0, lock_timeout="5s", shared=False)
    shared = connection_to("postgres://me:pw@host/db", pool_size=4, lock_timeout="5s", shared=True)
    assert "lock_timeout=5s" in alone["OPTIONS"]["options"]
    assert not {"options", "prepare_threshold"} & set(shared["OPTIONS"])
    assert (alone["DISABLE_SERVER_SIDE_CURSORS"], shared["DISABLE_SERVER_SIDE_CURSORS"]) == (False, True)
    assert (alone["CONN_MAX_AGE"], shared["CONN_MAX_AGE"]) == (60, 0)
    assert ("pool" in alone["OPTIONS"], shared["OPTIONS"]["pool"]["max_size"]) == (False, 4)


def test_a_socket_folder_may_be_named_as_libpq_does() -> None:
    folder = connection_to("postgres://me@/db?host=/var/run/postgresql", pool_size=0, lock_timeout="0", shared=False)
    assert (folder["HOST"], folder["NAME"], folder["USER"]) == ("/var/run/postgresql", "db", "me")


def test_a_server_that_vanishes_without_a_word_is_noticed() -> None:
    """Taken by libpq, and set at the socket: over TCP, whatever the tests' own server listens on."""
    options = connection_to("postgres://me@host/db", pool_size=0, lock_timeout="0", shared=True)["OPTIONS"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        conninfo = make_conninfo("", host="127.0.0.1", port=silent.getsockname()[1], **options)
        trying = pq.PGconn.connect_start(conninfo.encode())
        while trying.status == pq.ConnStatus.STARTED:
            trying.connect_poll()
        with socket.socket(fileno=os.dup(trying.socket)) as ours:
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 5
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
        trying.finish()


def test_while_all_wait_for_postgresql_there_is_a_thread_left_to_say_so() -> None:
    web = (CHECKOUT / "Procfile").read_text().partition("\nweb: ")[2].partition("\n")[0]
    (threads,), (connections,) = re.findall(r"--blocking-threads (\d+)", web), re.findall(r"POOL_SIZE:-(\d+)", web)
    assert int(threads) - int(connections) == WAITING


def test_a_pool_is_filled_before_the_first_caller(pooled: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "connections", {"default": pooled})
    fill_pool()
    assert pooled.pool
    assert pooled.pool.get_stats()["pool_available"] == 1


def test_a_process_starts_without_a_database(pooled: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    pooled.settings_dict["HOST"] = "/nonexistent"
    monkeypatch.setattr(base, "connections", {"default": pooled})
    fill_pool(seconds=0.2)
    assert pooled.pool
    assert pooled.pool.get_stats()["pool_available"] == 0
    assert not pooled.pool.closed  # else it would never serve anybody, also once PostgreSQL is there
