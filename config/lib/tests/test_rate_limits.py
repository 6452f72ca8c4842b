import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.lib import rate_limits
from config.lib.rate_limits import Verdict, Window
from config.lib.valkey import client

MINUTE, HOUR = Window("minute", 100, 60), Window("hour", 1000, 3600)


@pytest.fixture
def identity() -> Iterator[str]:
    name = f"test:{uuid4()}"
    yield name
    rate_limits.forget(name, [MINUTE, HOUR])


def _age(identity: str, window: Window, seconds: int) -> None:
    """Let time pass for one window: move its calls into the past."""
    key = f"rate:{{{identity}}}:{window.name}"
    moments = [int(moment) - seconds * 1000 for moment in client().lrange(key, 0, -1)]
    client().delete(key)
    client().rpush(key, *moments)


def test_exactly_the_limit_passes_when_all_call_at_once(identity: str) -> None:
    start = threading.Barrier(32)

    def caller(_: int) -> list[Verdict]:
        start.wait()
        return [rate_limits.hit(identity, [MINUTE, HOUR]) for _ in range(10)]

    with ThreadPoolExecutor(32) as pool:
        verdicts = [verdict for part in pool.map(caller, range(32)) for verdict in part]
    passed = [verdict for verdict in verdicts if verdict.allowed]
    assert len(verdicts) == 320
    assert len(passed) == 100
    assert sorted(verdict.states[0].remaining for verdict in passed) == list(range(100))


def test_each_caller_has_windows_of_its_own(identity: str) -> None:
    one = [Window("minute", 1, 60)]
    assert rate_limits.hit(identity, one).allowed
    assert not rate_limits.hit(identity, one).allowed
    assert rate_limits.hit(f"{identity}:other", one).allowed


def test_a_place_is_given_back_when_its_call_leaves_the_window(identity: str) -> None:
    two = [Window("minute", 2, 60)]
    rate_limits.hit(identity, two)
    _age(identity, two[0], 45)
    rate_limits.hit(identity, two)
    refused = rate_limits.hit(identity, two)
    assert (refused.allowed, refused.retry_after, refused.states[0].reset) == (False, 15, 15)
    _age(identity, two[0], 15)
    assert rate_limits.hit(identity, two).allowed
    assert not rate_limits.hit(identity, two).allowed


def test_a_refused_call_takes_no_place_in_any_window(identity: str) -> None:
    windows = [Window("minute", 1, 60), HOUR]
    assert [rate_limits.hit(identity, windows).states[1].remaining for _ in range(5)] == [999] * 5


def test_the_hour_refuses_although_the_minute_has_room(identity: str) -> None:
    windows = [MINUTE, Window("hour", 1, 3600)]
    rate_limits.hit(identity, windows)
    refused = rate_limits.hit(identity, windows)
    assert not refused.allowed
    assert refused.states[0].remaining == 99
    assert 3590 <= refused.retry_after <= 3600


def test_a_limit_that_was_lowered_asks_to_wait_until_enough_calls_have_left(identity: str) -> None:
    three = [Window("minute", 3, 60)]
    for _ in range(3):
        rate_limits.hit(identity, three)
        _age(identity, three[0], 10)
    refused = rate_limits.hit(identity, [Window("minute", 1, 60)])
    assert (refused.allowed, refused.retry_after, refused.states[0].remaining) == (False, 50, 0)


def test_looking_counts_nothing_and_forgetting_makes_room(identity: str) -> None:
    one = [Window("minute", 1, 60)]
    assert [rate_limits.peek(identity, one).allowed for _ in range(3)] == [True] * 3
    rate_limits.hit(identity, one)
    assert not rate_limits.peek(identity, one).allowed
    rate_limits.forget(identity, one)
    assert rate_limits.peek(identity, one).allowed


def test_a_limit_of_nothing_refuses(identity: str) -> None:
    refused = rate_limits.hit(identity, [Window("minute", 0, 60)])
    assert (refused.allowed, refused.retry_after) == (False, 60)


def test_the_script_survives_a_server_that_forgot_it(identity: str) -> None:
    client().script_flush()
    assert rate_limits.hit(identity, [MINUTE]).allowed


def test_headers_name_the_minute_and_the_policy_of_both(identity: str) -> None:
    windows = [Window("minute", 1, 60), HOUR]
    allowed = rate_limits.hit(identity, windows)
    told = rate_limits.headers(allowed)
    assert told == {
        "X-RateLimit-Limit": "1",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(allowed.now + 60),
        "RateLimit-Policy": '"minute";q=1;w=60, "hour";q=1000;w=3600',
        "RateLimit": '"minute";r=0;t=60',
    }
    refused = rate_limits.headers(rate_limits.hit(identity, windows))
    assert 55 <= int(refused["Retry-After"]) <= 60


def test_nothing_is_kept_longer_than_its_window(identity: str) -> None:
    rate_limits.hit(identity, [MINUTE, HOUR])
    lives = [client().pttl(f"rate:{{{identity}}}:{window.name}") for window in (MINUTE, HOUR)]
    assert 0 < lives[0] <= 60_000 < lives[1] <= 3_600_000


def test_a_server_that_is_gone_is_asked_once_a_second(identity: str, monkeypatch: Any) -> None:
    gone = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(rate_limits, "client", lambda: gone)
    monkeypatch.setattr(rate_limits.Silence, "until", 0.0)
    with pytest.raises(redis.ConnectionError, match="refused"):
        rate_limits.hit(identity, [MINUTE])
    with pytest.raises(redis.ConnectionError, match="a moment ago"):
        rate_limits.hit(identity, [MINUTE])
    monkeypatch.setattr(rate_limits, "client", client)
    monkeypatch.setattr(rate_limits.Silence, "until", 0.0)
    assert rate_limits.hit(identity, [MINUTE]).allowed
