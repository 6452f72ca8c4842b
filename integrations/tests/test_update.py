"""PUT and PATCH /api/integrations/{id}"""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.lib.audit import AuditEntry
from integrations.configuration import MASK
from integrations.models import Integration
from integrations.tests.factories import an_integration, session_of
from webhooks.models import Webhook

PUBLIC = "https://93.184.215.14/hook"


def put(client: Client, integration: Integration, **body: Any) -> Any:
    return client.put(f"/api/integrations/{integration.pk}", body, content_type="application/json")


@pytest.mark.parametrize("method", ["put", "patch"])
def test_changes_what_is_given_and_nothing_else(as_owner: Client, owner: User, method: str) -> None:
    integration = an_integration(owner, config={"a": 1})
    path = f"/api/integrations/{integration.pk}"
    body = getattr(as_owner, method)(path, {"name": "New"}, content_type="application/json").json()
    row = Integration.objects.get()
    assert list(body) == ["id", "name", "type", "status", "webhookUrl", "config", "updatedAt"]
    assert (row.name, row.config, row.status) == ("New", {"a": 1}, "active")
    assert row.updated_at > integration.updated_at
    assert (row.api_key, row.api_secret) == (integration.api_key, integration.api_secret)


def test_config_merges_and_null_removes(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner, config={"keep": 1, "drop": 2, "change": {"deep": 3}})
    body = put(as_owner, integration, config={"drop": None, "change": {"other": 4}, "new": 5}).json()
    assert body["config"] == {"keep": 1, "change": {"other": 4}, "new": 5}
    assert put(as_owner, integration, config=None).json()["config"] == body["config"]


def test_a_secret_sent_back_as_its_mask_stays_what_it_was(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner, config={"apiKey": "SG.real"})
    assert put(as_owner, integration, config={"apiKey": MASK, "from": "a@b"}).json()["config"]["apiKey"] == MASK
    assert Integration.objects.get().config == {"apiKey": "SG.real", "from": "a@b"}


def test_config_stays_true_to_its_template(as_owner: Client, owner: User) -> None:
    config = {"keyId": "rzp_test_1", "keySecret": "s3cret"}
    integration = an_integration(owner, type="payment_gateway", template_id="razorpay", config=config)
    assert put(as_owner, integration, config={"keySecret": None}).status_code == 400
    assert Integration.objects.get().config == config


def test_a_first_webhook_url_returns_its_secret_once(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner, type="rta")
    secret = put(as_owner, integration, webhookUrl=PUBLIC).json()["webhookSecret"]
    webhook = Webhook.objects.get(integration_id=integration.pk)
    assert (webhook.url, webhook.secret, webhook.events, webhook.active) == (PUBLIC, secret, ["order.updated"], True)
    again = put(as_owner, integration, webhookUrl=f"{PUBLIC}/2").json()
    assert "webhookSecret" not in again
    webhook.refresh_from_db()
    assert (webhook.url, webhook.secret) == (f"{PUBLIC}/2", secret)


def test_null_clears_the_webhook_url(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    first = put(as_owner, integration, webhookUrl=PUBLIC).json()["webhookSecret"]
    assert put(as_owner, integration, webhookUrl=None).json()["webhookUrl"] is None
    assert not Webhook.objects.exists()
    row = Integration.objects.get()
    assert (row.webhook_url, row.webhook_secret) == (None, None)
    assert put(as_owner, integration, webhookUrl=PUBLIC).json()["webhookSecret"] != first


def test_deactivating_silences_the_webhook(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    put(as_owner, integration, webhookUrl=PUBLIC)
    put(as_owner, integration, status="inactive")
    assert not Webhook.objects.get().active
    put(as_owner, integration, status="active")
    assert Webhook.objects.get().active


@pytest.mark.parametrize("status", ["pending", "active", "inactive"])
@pytest.mark.parametrize("to", ["pending", "active", "inactive"])
def test_the_owner_opens_and_closes(as_owner: Client, owner: User, status: str, to: str) -> None:
    integration = an_integration(owner, status=status)
    assert put(as_owner, integration, status=to).json()["status"] == to


@pytest.mark.parametrize(("status", "to"), [("active", "suspended"), ("suspended", "active"), ("suspended", "pending")])
def test_only_staff_suspend_and_lift_a_suspension(as_owner: Client, owner: User, status: str, to: str) -> None:
    integration = an_integration(owner, status=status, name="Before")
    response = put(as_owner, integration, status=to, name="After")
    assert (response.status_code, response.json()["code"]) == (403, "suspension_requires_staff")
    row = Integration.objects.get()
    assert (row.status, row.name) == (status, "Before")
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("kind", ["payment_gateway", "rta"])
def test_only_staff_activate_a_privileged_integration(as_owner: Client, owner: User, kind: str) -> None:
    integration = an_integration(owner, type=kind, status="pending")
    response = put(as_owner, integration, status="active")
    assert (response.status_code, response.json()["code"]) == (403, "activation_requires_staff")
    assert Integration.objects.get().status == "pending"


def test_staff_may_with_an_integration_of_their_own(staff: User) -> None:
    integration = an_integration(staff, type="rta", status="suspended")
    assert put(session_of(staff), integration, status="active").json()["status"] == "active"


@pytest.mark.parametrize("field", ["scopes", "actsFor", "rateLimits"])
def test_an_owner_cannot_widen_what_a_key_may_do(as_owner: Client, owner: User, field: str) -> None:
    integration = an_integration(owner, type="analytics")
    response = put(as_owner, integration, **{field: ["orders:write"]})
    assert (response.status_code, response.json()["code"]) == (403, "change_requires_staff")
    assert Integration.objects.get().scopes == integration.scopes


def test_the_owner_may_narrow_where_when_and_how_a_key_passes(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    changes = {"allowedNetworks": ["10.1.2.3", "2001:db8::1/32"], "requireSignature": True}
    assert put(as_owner, integration, **changes, expiresAt="2030-01-01T00:00:00Z").status_code == 200
    row = Integration.objects.get()
    assert row.allowed_networks == ["10.1.2.3/32", "2001:db8::/32"]
    assert row.require_signature
    assert row.expires_at
    assert row.expires_at.year == 2030


def test_type_and_keys_cannot_be_changed(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    put(as_owner, integration, type="rta", apiKey="x", apiSecret="x", id="x", usageCount=5, userId=1)
    row = Integration.objects.get()
    assert (row.type, row.api_key, row.usage_count, row.user_id) == ("custom", integration.api_key, 0, owner.pk)


BAD: dict[str, list[Any]] = {
    "name": [None, "", 5, "x" * 201, []],
    "status": [None, "", "open", 5, [], {}],
    "config": ["x", 5, [], {"a": "x" * 70_000}, {"a": "\x00"}],
    "webhookUrl": ["", 5, "nonsense", "http://127.0.0.1/", "ftp://93.184.215.14/"],
}
FAULTS = [{field: value} for field, values in BAD.items() for value in values]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: repr(fault)[:50])
def test_refuses_bad_input_and_changes_nothing(as_owner: Client, owner: User, fault: dict[str, Any]) -> None:
    integration = an_integration(owner, config={"a": 1})
    assert put(as_owner, integration, **fault).status_code == 400
    row = Integration.objects.get()
    assert (row.name, row.config, row.updated_at) == (integration.name, {"a": 1}, integration.updated_at)
    assert not AuditEntry.objects.exists()


def test_an_outsider_changes_nothing(as_outsider: Client, owner: User) -> None:
    integration = an_integration(owner)
    assert put(as_outsider, integration, name="Mine").status_code == 404
    assert Integration.objects.get().name == integration.name


def test_the_audit_log_keeps_before_and_after(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    put(as_owner, integration, name="After", config={"apiKey": "SG.secret"})
    entry = AuditEntry.objects.get()
    assert (entry.before["name"], entry.after["name"]) == (integration.name, "After")
    assert "SG.secret" not in str(vars(entry))
