"""Exact sliding-window rate limits, counted in Valkey: all windows of a caller in one atomic round trip.

A window is a list of the moments of the calls it let through (8 bytes each), so "100 in 60 seconds" holds for every
span of 60 seconds and under any number of callers at once. Refused calls take no place: a client that waits as long as
it is told to is let in. Valkey losing its memory forgives past calls; that is all.
"""

import time
from collections.abc import Sequence
from functools import cache
from math import ceil
from typing import NamedTuple, cast

import redis
from redis.commands.core import Script

from config.lib.valkey import client, run

# KEYS: one list per window. ARGV, three for each: its limit, its milliseconds, and 1 to take a place or 0 to look only.
# Reply: 1 or 0, the server's time, then of each window the places taken, the wait until one is free (0: there is one)
# and the time until the oldest place is given back. The clock is Valkey's: those of the web servers may disagree.
_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local allowed, taken, oldest = 1, {}, {}
for i, key in ipairs(KEYS) do
    local limit, span = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
    oldest[i] = redis.call('LINDEX', key, 0)
    while oldest[i] and tonumber(oldest[i]) <= now - span do
        redis.call('LPOP', key)
        oldest[i] = redis.call('LINDEX', key, 0)
    end
    taken[i] = oldest[i] and redis.call('LLEN', key) or 0
    if taken[i] >= limit then allowed = 0 end
end
local reply = {allowed, now}
for i, key in ipairs(KEYS) do
    local limit, span = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
    local wait = 0
    if taken[i] >= limit then
        wait = span
        local blocking = limit > 0 and redis.call('LINDEX', key, taken[i] - limit)
        if blocking then wait = blocking + span - now end
    end
    if allowed == 1 and ARGV[3 * i] == '1' then
        taken[i] = redis.call('RPUSH', key, string.format('%.0f', now))
        redis.call('PEXPIRE', key, span)
        oldest[i] = oldest[i] or now
    end
    reply[#reply + 1] = taken[i]
    reply[#reply + 1] = wait
    reply[#reply + 1] = oldest[i] and (oldest[i] + span - now) or span
end
return reply
"""

SILENCE_SECONDS = 1.0


class Silence:
    """A server that does not answer is left alone for a moment: not every caller shall wait for it."""

    until = 0.0


class Window(NamedTuple):
    name: str
    limit: int
    seconds: int


class Place(NamedTuple):
    """Room for one call of `identity` in a window: to be taken, or only to be there."""

    identity: str
    window: Window
    takes: bool = True


class WindowState(NamedTuple):
    """One window after a call: what is left, and in how many seconds the next place is given back."""

    window: Window
    remaining: int
    reset: int


class Verdict(NamedTuple):
    """The answer to one call. `now` is Unix seconds; `retry_after` is 0 when allowed."""

    allowed: bool
    states: tuple[WindowState, ...]
    now: int
    retry_after: int


def hit(identity: str, windows: Sequence[Window]) -> Verdict:
    """Count one call of `identity`, if every window has room for it. Raises redis.RedisError."""
    return ask([Place(identity, window) for window in windows])


def peek(identity: str, windows: Sequence[Window]) -> Verdict:
    """What `hit` would answer, counting nothing."""
    return ask([Place(identity, window, takes=False) for window in windows])


def forget(identity: str, windows: Sequence[Window], pipe: redis.Redis | None = None) -> None:
    """Now, or with what else `pipe` is given."""
    (pipe or client()).delete(*(_key(identity, window) for window in windows))


def ask(places: Sequence[Place]) -> Verdict:
    """Take every place that is to be taken if there is room in all of them, and none otherwise. Raises RedisError."""
    if time.monotonic() < Silence.until:
        raise redis.ConnectionError("Valkey did not answer a moment ago")
    try:
        return _judge(places)
    except redis.RedisError:
        Silence.until = time.monotonic() + SILENCE_SECONDS
        raise


def headers(verdict: Verdict) -> dict[str, str]:
    """What a client is told: the first window, and the policy with all (IETF draft httpapi-ratelimit-headers)."""
    first = verdict.states[0]
    policy = ", ".join(f'"{window.name}";q={window.limit};w={window.seconds}' for window, *_ in verdict.states)
    told = {
        "X-RateLimit-Limit": str(first.window.limit),
        "X-RateLimit-Remaining": str(first.remaining),
        "X-RateLimit-Reset": str(verdict.now + first.reset),
        "RateLimit-Policy": policy,
        "RateLimit": f'"{first.window.name}";r={first.remaining};t={first.reset}',
    }
    return told if verdict.allowed else told | {"Retry-After": str(verdict.retry_after)}


@cache
def _script() -> Script:
    return client().register_script(_SCRIPT)


def _key(identity: str, window: Window) -> str:
    # The braces keep a caller's windows on one node of a cluster.
    return f"rate:{{{identity}}}:{window.name}"


def _judge(places: Sequence[Place]) -> Verdict:
    keys = [_key(identity, window) for identity, window, _ in places]
    terms = [term for _, window, takes in places for term in (window.limit, window.seconds * 1000, int(takes))]
    allowed, now, *figures = cast("list[int]", run(client(), _script(), keys, terms))
    taken, waits, resets = figures[0::3], figures[1::3], figures[2::3]
    states = tuple(
        WindowState(window, max(0, window.limit - count), ceil(reset / 1000))
        for (_, window, _), count, reset in zip(places, taken, resets, strict=True)
    )
    return Verdict(bool(allowed), states, now // 1000, ceil(max(waits) / 1000))
