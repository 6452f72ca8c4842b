"""The one door to Valkey (any server that speaks Redis will do). What it holds may vanish at any moment."""

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


def answers() -> bool:
    try:
        return bool(client().ping())
    except redis.RedisError:
        return False
