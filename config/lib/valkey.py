"""The one door to Valkey (any server that speaks Redis will do). What it holds may vanish at any moment."""

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import NoScriptError
from redis.retry import Retry


@cache
def client() -> redis.Redis:
    """A pooled, thread-safe client. Short timeouts: whoever asks Valkey must be able to go on without it.

    One more try, at once, heals a connection that a restarted server has forgotten; the library's default would go on
    trying for four seconds.
    """
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=2,
        socket_connect_timeout=1,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 1),
    )


def run(server: redis.Redis, script: Script, keys: Sequence[str], arguments: Sequence[int]) -> Any:
    """Run a script for what every call asks: past the library's layers, which take longer than Valkey does, and by them
    where the server does not know it, or has gone meanwhile. Raises redis.RedisError."""
    pool = server.connection_pool
    connection = pool.get_connection()
    try:
        connection.send_command("EVALSHA", script.sha, len(keys), *keys, *arguments)  # type: ignore[no-untyped-call]
        return connection.read_response()
    except (redis.ConnectionError, NoScriptError):
        return script(keys=keys, args=arguments, client=server)
    finally:
        pool.release(connection)


def _part_from_parent() -> None:
    """A lock that another thread holds while the process forks stays locked in the child, which has no such thread.

    So the child takes a client of its own. The parent's is kept: to be deleted, it would ask for that very lock.
    """
    _of_parents.append(client())
    client.cache_clear()


_of_parents: list[redis.Redis] = []
os.register_at_fork(after_in_child=_part_from_parent)


def answers() -> bool:
    try:
        return bool(client().ping())
    except redis.RedisError:
        return False
