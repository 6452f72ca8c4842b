"""The one door to Valkey (any server that speaks Redis will do). What it holds may vanish at any moment."""

import os
from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
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
