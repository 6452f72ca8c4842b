"""What is alive: PostgreSQL, Valkey, and the pulses that workers and the scheduler leave there."""

import time
from contextlib import suppress

import psycopg
import redis
from django.db import connection

from config.lib import valkey

HEARTBEAT_SECONDS = 10
PATIENCE_SECONDS = 2  # for PostgreSQL: those who probe wait hardly longer
WORKER_BEAT = "heartbeat:worker"
BEAT_BEAT = "heartbeat:beat"


def database_answers() -> bool:
    """Asked over a connection of its own: a pool would first wait for those that are gone, or in use by others."""
    try:
        with psycopg.connect(**connection.get_connection_params() | {"connect_timeout": PATIENCE_SECONDS}) as session:
            session.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


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
