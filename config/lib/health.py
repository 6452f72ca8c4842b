"""What is alive: PostgreSQL, Valkey, and the pulses that workers and the scheduler leave there."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

import psycopg
import redis
from django.db import connection

from config.lib import valkey

HEARTBEAT_SECONDS = 10
PATIENCE_SECONDS = 2  # for PostgreSQL: those who probe wait hardly longer
WORKER_BEAT = "heartbeat:worker"
BEAT_BEAT = "heartbeat:beat"


class OneAtATime:
    """A question that is asked by one thread at a time; whoever comes meanwhile shares the answer."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._under_way: Future[bool] | None = None

    def answer(self) -> bool:
        with self._lock:
            awaited = self._under_way
            mine = self._under_way = awaited or Future()
        if awaited is None:
            self._find_out(mine)
        return mine.result()

    def _find_out(self, answer: Future[bool]) -> None:
        try:
            answer.set_result(self._ask())
        except BaseException as error:
            answer.set_exception(error)
            raise
        finally:
            with self._lock:
                self._under_way = None


def database_answers() -> bool:
    """Over one connection a process, however many ask at once: a flood of probes, open to all, would take every other.

    No answer is kept for later: it is true of the moment.
    """
    return _database.answer()


def _ask_database() -> bool:
    """Asked over a connection of its own: a pool would first wait for those that are gone, or in use by others."""
    try:
        with psycopg.connect(**connection.get_connection_params() | {"connect_timeout": PATIENCE_SECONDS}) as session:
            session.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


_database = OneAtATime(_ask_database)


def beat(name: str) -> None:
    """Note that a worker or the scheduler is alive. Without Valkey there is no note, and health says so by itself."""
    with suppress(redis.RedisError):
        valkey.client().set(name, int(time.time()), ex=HEARTBEAT_SECONDS)


def valkey_and_processes() -> dict[str, str]:
    try:
        beats = valkey.client().mget(WORKER_BEAT, BEAT_BEAT)
    except redis.RedisError:
        return {"redis": "disconnected", "workers": "unknown", "beat": "unknown"}
    workers, scheduler = ("running" if seen else "stopped" for seen in beats)
    return {"redis": "connected", "workers": workers, "beat": scheduler}
