"""The one door to Valkey (any server that speaks Redis will do). What it holds may vanish at any moment."""

from functools import cache

import redis
from django.conf import settings


@cache
def client() -> redis.Redis:
    """A pooled, thread-safe client. Short timeouts: whoever asks Valkey must be able to go on without it."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1, health_check_interval=30
    )
