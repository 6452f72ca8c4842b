"""Whoever is locked out is found in the console and let in again: by those who may, with a reason, written down."""

from collections.abc import Callable
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from config.lib.audit import AuditEntry
from config.lib.valkey import client as valkey
from integrations import lockout
from integrations.models import Integration
from integrations.tests.factories import an_integration, key_of

Sessions = Callable[[User], Client]
HERE, ELSEWHERE = "203.0.113.7", "203.0.113.8"
PASSWORD = "correct horse battery"
REASON = {"reason": "Called: it was her"}


@pytest.fixture(autouse=True)
def no_memory(db: None) -> None:
    valkey().flushdb()


def log_in(password: str, address: str = HERE, program: str = "Browser") -> int:
    client = Client(REMOTE_ADDR=address, headers={"User-Agent": program})
    body = {"username": "asha", "password": password}
    return client.post("/api/auth/login", body, content_type="application/json").status_code


def call(integration: Integration, secret: str | None = None, address: str = HERE) -> int:
    caller = key_of(integration, **({"X-API-Secret": secret} if secret else {}))
    return caller.get("/api/integrations/me", REMOTE_ADDR=address).status_code


def attempt_url(name: str) -> str:
    attempt = AccessAttempt.objects.filter(ip_address=HERE).latest("attempt_time")
    return reverse(f"admin:axes_accessattempt_{name}", args=[attempt.pk, *(["lift-lockout"] if name == "deed" else [])])


def integration_url(integration: Integration, name: str) -> str:
    last = ["lift-lockouts"] if name == "deed" else []
    return reverse(f"admin:integrations_integration_{name}", args=[integration.pk, *last])


@pytest.fixture
def locked_out_name(db: None, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 2  # to judge a password takes long
    User.objects.create_user("asha", password=PASSWORD)
    assert [log_in("guess", program=f"Browser {number}") for number in range(2)] == [401, 429]


@pytest.fixture
def locked_out_key(db: None, monkeypatch: pytest.MonkeyPatch) -> Integration:
    monkeypatch.setattr(lockout, "FAILURES", lockout.FAILURES._replace(limit=2))
    integration = an_integration(User.objects.create_user("partner"))
    for address in (HERE, ELSEWHERE):
        assert [call(integration, "sk_guess", address) for _ in range(3)] == [401, 401, 429]
    return integration


def test_operations_let_a_name_in_again_with_all_its_programs(
    locked_out_name: None, operations: User, session: Sessions
) -> None:
    staff = session(operations)
    assert "Locked out from 203.0.113.7 until" in staff.get(attempt_url("change")).text
    assert log_in(PASSWORD) == 429
    assert "<li>asha, from 203.0.113.7</li>" in staff.get(attempt_url("deed")).text
    assert staff.post(attempt_url("deed"), REASON, REMOTE_ADDR="203.0.113.1").status_code == 302
    assert log_in(PASSWORD) == 200
    entry = AuditEntry.objects.get(action="user.lockout_lifted")
    assert (entry.actor, entry.address, entry.target_id) == ("operations", "203.0.113.1", "asha")
    assert (entry.before, entry.reason) == ({"lockedOutFrom": HERE}, REASON["reason"])


def test_a_lockout_is_lifted_from_one_address_alone(locked_out_name: None, operations: User, session: Sessions) -> None:
    assert [log_in("guess", ELSEWHERE) for _ in range(2)] == [401, 429]
    assert session(operations).post(attempt_url("deed"), REASON).status_code == 302
    assert [log_in(PASSWORD), log_in(PASSWORD, ELSEWHERE)] == [200, 429]


def test_a_name_that_is_not_locked_out_offers_nothing_to_lift(operations: User, session: Sessions) -> None:
    User.objects.create_user("asha", password=PASSWORD)
    log_in("guess")
    assert "Not locked out" in session(operations).get(attempt_url("change")).text
    assert attempt_url("deed") not in session(operations).get(attempt_url("change")).text


def test_operations_see_from_where_a_key_is_locked_out_and_lift_it(
    locked_out_key: Integration, operations: User, session: Sessions
) -> None:
    staff, page = session(operations), integration_url(locked_out_key, "change")
    text = staff.get(page).text
    assert HERE in text
    assert ELSEWHERE in text
    assert call(locked_out_key) == 429
    assert staff.post(integration_url(locked_out_key, "deed"), REASON, REMOTE_ADDR="203.0.113.1").status_code == 302
    assert [call(locked_out_key), call(locked_out_key, address=ELSEWHERE)] == [200, 200]
    entry = AuditEntry.objects.get(action="integration.lockouts_lifted")
    assert (entry.actor, entry.address, entry.target_id) == ("operations", "203.0.113.1", locked_out_key.pk)
    assert (entry.before, entry.reason) == ({"lockedOutFrom": [HERE, ELSEWHERE]}, REASON["reason"])
    assert "Locked out" not in staff.get(page).text


def test_nobody_else_lifts_a_lockout(
    locked_out_name: None,
    locked_out_key: Integration,
    support: User,
    auditor: User,
    newcomer: User,
    session: Sessions,
) -> None:
    for staff in (support, auditor, newcomer):
        for url in (attempt_url("deed"), integration_url(locked_out_key, "deed")):
            assert session(staff).post(url, REASON).status_code == 403
    assert [log_in(PASSWORD), call(locked_out_key)] == [429, 429]
    assert not AuditEntry.objects.filter(action__contains="lifted").exists()


def test_the_page_of_an_entry_about_a_name_that_nobody_has_opens(admin: User, session: Sessions) -> None:
    for kind in ("username", "user"):  # as it was written once
        entry = AuditEntry.objects.create(actor="system", action="user.login_refused", target_type=kind, target_id="no")
        url = reverse("admin:kernel_auditentry_change", args=[entry.pk])
        assert session(admin).get(url).status_code == 200
