"""From where a key is locked out is remembered as long as it lasts, and lifted for that key alone."""

import time

import pytest
from django.http import HttpRequest
from redis import RedisError

from config.lib import rate_limits
from config.lib.audit import AuditEntry
from config.lib.errors import Unavailable
from config.lib.valkey import client
from integrations import lockout, services
from integrations.admin import lockouts as admin_page
from integrations.lockout import LockedOut
from integrations.tests.factories import a_user, an_integration

HERE = "203.0.113.7"


@pytest.fixture(autouse=True)
def no_memory() -> None:
    client().flushdb()


def guess(key: str, times: int = 10, address: str = HERE) -> None:
    for _ in range(times):
        lockout.note_refusal(key, address, guessed=True)


def test_the_tenth_guess_is_the_one_that_locks_out() -> None:
    guess("ak_1", times=9)
    assert lockout.lockouts_of("ak_1") == []
    guess("ak_1", times=1)
    (found,) = lockout.lockouts_of("ak_1")
    assert (found.address, 890 < found.seconds <= 900) == (HERE, True)
    with pytest.raises(LockedOut):
        guess("ak_1", times=1)


def test_what_was_proved_locks_nobody_out() -> None:
    for _ in range(20):
        lockout.note_refusal("ak_1", HERE, guessed=False)
    assert lockout.lockouts_of("ak_1") == []


def test_no_name_in_valkey_shows_the_key_and_none_stays() -> None:
    guess("sk_pasted")
    names = [str(name) for name in client().keys("*")]
    assert len(names) == 2
    assert not any("pasted" in name for name in names)
    assert all(0 < client().ttl(name) <= 900 for name in client().keys("*"))


def test_lifting_opens_one_key_from_everywhere_and_no_other() -> None:
    for key in ("ak_1", "ak_2"):
        guess(key)
        guess(key, address="2001:db8::1")
    lockout.lift("ak_1")
    assert lockout.lockouts_of("ak_1") == []
    assert [found.address for found in lockout.lockouts_of("ak_2")] == ["2001:db8::1", HERE]
    guess("ak_1", times=9)


def test_of_many_addresses_the_newest_are_shown_at_one_price_and_all_are_lifted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lockout, "FAILURES", lockout.FAILURES._replace(limit=1))
    monkeypatch.setattr(lockout, "SHOWN", 3)
    for number in range(5):
        guess("ak_1", times=1, address=f"203.0.113.{number}")
    calls = client().info("commandstats")["cmdstat_evalsha"]["calls"]
    assert [found.address for found in lockout.lockouts_of("ak_1")] == ["203.0.113.2", "203.0.113.3", "203.0.113.4"]
    assert client().info("commandstats")["cmdstat_evalsha"]["calls"] == calls + 1
    lockout.lift("ak_1")
    guess("ak_1", times=1, address="203.0.113.0")


def test_a_page_asks_once(db: None) -> None:
    integration = an_integration(a_user())
    assert admin_page.locked_out(HttpRequest(), integration) is None
    guess(integration.api_key)
    assert not admin_page.LIFT.applies(integration, integration.user)
    assert admin_page.LIFT.applies(type(integration).objects.get(), integration.user)


def test_the_former_key_of_an_integration_is_lifted_too(db: None) -> None:
    owner = a_user()
    integration = an_integration(owner)
    former = integration.api_key
    integration = services.regenerate(integration=integration, actor=owner, grace_hours=1)
    guess(former)
    assert services.lift_lockouts(integration=integration, actor=owner, reason="It was them") == 1
    assert services.lockouts_of(integration) == []


def test_without_valkey_nobody_is_locked_out_and_nothing_is_written_down(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = a_user()
    integration = an_integration(owner)
    guess(integration.api_key)
    monkeypatch.setattr(rate_limits.Silence, "until", time.monotonic() + 60)
    assert services.lockouts_of(integration) == []
    monkeypatch.setattr(lockout, "lift", _no_answer)
    with pytest.raises(Unavailable):
        services.lift_lockouts(integration=integration, actor=owner, reason="It was them")
    assert not AuditEntry.objects.filter(action="integration.lockouts_lifted").exists()


def _no_answer(_key: str) -> None:
    raise RedisError
