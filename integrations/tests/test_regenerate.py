"""POST /api/integrations/{id}/regenerate-credentials"""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from config.lib.audit import AuditEntry
from integrations.credentials import is_api_key, is_api_secret
from integrations.models import Integration
from integrations.tasks import forget_replaced_credentials
from integrations.tests.factories import an_integration, key_of

ME = "/api/integrations/me"
PATH = "/api/integrations/{}/regenerate-credentials"


def regenerate(client: Client, integration: Integration, body: Any = None) -> Any:
    return client.post(PATH.format(integration.pk), {} if body is None else body, content_type="application/json")


def calls(body: dict[str, str]) -> int:
    return Client().get(ME, headers={"X-API-Key": body["apiKey"], "X-API-Secret": body["apiSecret"]}).status_code


def test_a_new_pair_replaces_the_old_one_at_once(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    response = regenerate(as_owner, integration)
    body = response.json()
    assert response.status_code == 200
    assert list(body) == ["success", "message", "apiKey", "apiSecret"]
    assert (body["success"], body["message"]) == (True, "API credentials regenerated successfully")
    assert is_api_key(body["apiKey"])
    assert is_api_secret(body["apiSecret"])
    assert calls(body) == 200
    assert key_of(integration).get(ME).status_code == 401


def test_without_a_body_there_is_no_grace(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    assert as_owner.generic("POST", PATH.format(integration.pk)).status_code == 200
    assert key_of(integration).get(ME).status_code == 401


@pytest.mark.parametrize("body", [[], "", 0, False])
def test_refuses_a_body_that_is_no_object(as_owner: Client, owner: User, body: Any) -> None:
    integration = an_integration(owner)
    path = PATH.format(integration.pk)
    assert as_owner.generic("POST", path, json.dumps(body), "application/json").status_code == 400
    assert key_of(integration).get(ME).status_code == 200


def test_the_old_pair_serves_on_for_its_grace(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    body = regenerate(as_owner, integration, {"graceHours": 2}).json()
    assert (calls(body), key_of(integration).get(ME).status_code) == (200, 200)
    Integration.objects.update(previous_valid_until=timezone.now() - timedelta(seconds=1))
    assert (calls(body), key_of(integration).get(ME).status_code) == (200, 401)


def test_a_pair_is_erased_when_its_grace_is_over(as_owner: Client, owner: User) -> None:
    over, lasting = an_integration(owner), an_integration(owner)
    for integration in (over, lasting):
        regenerate(as_owner, integration, {"graceHours": 1})
    Integration.objects.filter(pk=over.pk).update(previous_valid_until=timezone.now())
    forget_replaced_credentials()
    over.refresh_from_db()
    lasting.refresh_from_db()
    assert (over.previous_api_key, over.previous_api_secret, over.previous_valid_until) == (None, None, None)
    assert lasting.previous_api_secret


def test_a_second_regeneration_ends_the_first_grace(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    first = regenerate(as_owner, integration, {"graceHours": 2}).json()
    second = regenerate(as_owner, integration, {"graceHours": 2}).json()
    assert key_of(integration).get(ME).status_code == 401
    assert (calls(first), calls(second)) == (200, 200)


@pytest.mark.parametrize("hours", [-1, 169, 1.5, "x", "2", None, [], {}, True, 10**30, "1" * 1000])
def test_refuses_another_grace_and_keeps_the_pair(as_owner: Client, owner: User, hours: Any) -> None:
    integration = an_integration(owner)
    assert regenerate(as_owner, integration, {"graceHours": hours}).status_code == 400
    assert key_of(integration).get(ME).status_code == 200


def test_an_outsider_regenerates_nothing(as_outsider: Client, owner: User) -> None:
    integration = an_integration(owner)
    assert regenerate(as_outsider, integration).status_code == 404
    assert key_of(integration).get(ME).status_code == 200


def test_a_key_cannot_renew_itself(owner: User) -> None:
    integration = an_integration(owner)
    response = regenerate(key_of(integration), integration)
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
    assert key_of(integration).get(ME).status_code == 200


def test_leaves_an_audit_entry_without_the_secret(as_owner: Client, owner: User) -> None:
    body = regenerate(as_owner, an_integration(owner)).json()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id) == ("integration.regenerated", owner.pk)
    assert body["apiSecret"] not in str(vars(entry))


def test_the_owner_sees_when_and_from_where_the_old_pair_was_used_last(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    old = key_of(integration)
    new = regenerate(as_owner, integration, {"graceHours": 2}).json()
    shown = as_owner.get(f"/api/integrations/{integration.pk}").json()
    assert (shown["previousUsedAt"], shown["previousUsedFrom"]) == (None, None)
    assert calls(new) == 200
    assert Integration.objects.get().previous_used_at is None
    assert old.get(ME, REMOTE_ADDR="203.0.113.9").status_code == 200
    shown = as_owner.get(f"/api/integrations/{integration.pk}").json()
    assert shown["previousUsedFrom"] == "203.0.113.9"
    first = Integration.objects.get().previous_used_at
    assert old.get(ME, REMOTE_ADDR="203.0.113.10").status_code == 200
    assert Integration.objects.get().previous_used_at == first  # once a minute
    regenerate(as_owner, integration)
    row = Integration.objects.get()
    assert (row.previous_used_at, row.previous_used_from) == (None, None)
