"""What is alive: PostgreSQL, Valkey, and the pulses that workers and the scheduler leave there."""

import time
from contextlib import suppress

import redis
from django.db import Error, connection

from config.lib import valkey

HEARTBEAT_SECONDS = 10
WORKER_BEAT = "heartbeat:worker"
BEAT_BEAT = "heartbeat:beat"


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        connection.close()
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
