"""What the audit log says of keys: who was turned away and why, in a bounded number of entries, and never a secret."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.lib.audit import AuditEntry
from config.lib.valkey import client
from integrations import services
from integrations.configuration import MASK
from integrations.models import Integration
from integrations.tests.factories import an_integration, key_of

ME = "/api/integrations/me"


@pytest.fixture(autouse=True)
def no_memory(db: None) -> None:
    client().flushdb()


def call(caller: Client, address: str = "203.0.113.7") -> int:
    return caller.get(ME, REMOTE_ADDR=address).status_code


def entries(action: str) -> list[tuple[str, str, str | None, str | None]]:
    rows = AuditEntry.objects.filter(action=action).order_by("id")
    return list(rows.values_list("target_type", "target_id", "address", "reason"))


def test_a_refused_key_is_recorded_with_its_reason_once_a_minute(owner: User) -> None:
    integration = an_integration(owner, status="suspended")
    for _ in range(5):
        assert call(key_of(integration)) == 401
    reason = "Integration is suspended"
    assert entries("key.refused") == [("integration", integration.pk, "203.0.113.7", reason)]
    assert integration.usage_logs.count() == 5


def test_guesses_and_their_lockout_are_recorded(owner: User) -> None:
    integration = an_integration(owner)
    guesser = key_of(integration, **{"X-API-Secret": "sk_guess"})
    assert [call(guesser) for _ in range(12)] == [401] * 10 + [429] * 2
    wrong = ("integration", integration.pk, "203.0.113.7", "Wrong secret or signature")
    assert entries("key.refused") == [wrong]
    assert [found[:3] for found in entries("key.locked_out")] == [("address", "203.0.113.7", "203.0.113.7")]


def test_of_an_unknown_key_the_address_is_kept_and_not_the_key(owner: User) -> None:
    for number in range(5):
        assert call(Client(headers={"X-API-Key": f"sk_pasted_{number}", "X-API-Secret": "x"})) == 401
    assert entries("key.refused") == [("address", "203.0.113.7", "203.0.113.7", "Wrong secret or signature")]
    assert "pasted" not in str(list(AuditEntry.objects.values_list()))


def test_a_key_that_passes_leaves_no_entry(owner: User) -> None:
    assert call(key_of(an_integration(owner))) == 200
    assert not AuditEntry.objects.exists()


def test_a_change_shows_before_and_after_with_secrets_masked(as_owner: Client, owner: User) -> None:
    config = {"keyId": "rzp_test_1", "keySecret": "canary-old"}
    integration = an_integration(owner, type="payment_gateway", template_id="razorpay", config=config)
    body = {"name": "Shop", "config": {"keySecret": "canary-new", "keyId": "rzp_test_2"}}
    path = f"/api/integrations/{integration.pk}"
    assert as_owner.put(path, body, content_type="application/json", REMOTE_ADDR="203.0.113.7").status_code == 200
    entry = AuditEntry.objects.get()
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.action, entry.actor_id, entry.address) == ("integration.updated", owner.pk, "203.0.113.7")
    assert (entry.before["name"], entry.after["name"]) == ("Front end", "Shop")
    assert entry.before["config"] == {"keyId": "rzp_test_1", "keySecret": MASK}
    assert entry.after["config"] == {"keyId": "rzp_test_2", "keySecret": MASK}


def test_a_regeneration_names_both_keys_and_no_secret(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    reply = as_owner.post(f"/api/integrations/{integration.pk}/regenerate-credentials", content_type="application/json")
    entry, row = AuditEntry.objects.get(), Integration.objects.get()
    assert entry.before == {"apiKey": integration.api_key}
    assert entry.after == {"apiKey": row.api_key, "graceHours": 0}
    assert reply.json()["apiSecret"] not in str(list(AuditEntry.objects.values_list()))


def test_a_suspension_is_called_by_its_name_and_keeps_the_reason(owner: User, staff: User) -> None:
    integration = an_integration(owner)
    services.suspend(integration=integration, actor=staff, reason="Its key is on a public page")
    services.activate(integration=integration, actor=staff)
    services.update(integration=integration, actor=owner, changes={"name": "Shop"})
    told = list(AuditEntry.objects.order_by("id").values_list("action", "reason"))
    assert told == [
        ("integration.suspended", "Its key is on a public page"),
        ("integration.activated", None),
        ("integration.updated", None),
    ]
