"""POST /api/integrations"""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config.lib.audit import AuditEntry
from integrations.credentials import is_api_key, is_api_secret
from integrations.models import Integration
from integrations.services import MAX_PER_USER
from integrations.tests.factories import an_integration, session_of
from webhooks.models import Webhook

URL = "/api/integrations"
PUBLIC = "https://93.184.215.14/hook"


def create(client: Client, **body: Any) -> Any:
    return client.post(URL, {"name": "Our desk", "type": "custom"} | body, content_type="application/json")


def test_makes_a_pending_integration_and_shows_its_credentials(as_owner: Client, owner: User) -> None:
    response = create(as_owner, config={"region": "IN"})
    body = response.json()
    assert response.status_code == 201
    assert body == {
        "id": body["id"],
        "name": "Our desk",
        "type": "custom",
        "status": "pending",
        "apiKey": body["apiKey"],
        "apiSecret": body["apiSecret"],
        "webhookUrl": None,
        "webhookSecret": None,
        "createdAt": body["createdAt"],
    }
    assert re.fullmatch(r"int_\d{13}_[0-9a-f]{16}", body["id"])
    assert is_api_key(body["apiKey"])
    assert is_api_secret(body["apiSecret"])
    assert body["createdAt"].endswith("Z")
    row = Integration.objects.get(pk=body["id"])
    assert (row.user, row.config, row.scopes) == (
        owner,
        {"region": "IN"},
        ["orders:read", "orders:write", "bulk_orders:write", "webhooks:write"],
    )


def test_secrets_are_stored_encrypted(as_owner: Client) -> None:
    body = create(as_owner, webhookUrl=PUBLIC).json()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM integrations WHERE id = %s", [body["id"]])
        stored = str(cursor.fetchone())
    assert body["apiKey"] in stored
    assert body["apiSecret"] not in stored
    assert body["webhookSecret"] not in stored


def test_a_webhook_url_makes_a_managed_webhook_that_waits_for_activation(as_owner: Client, owner: User) -> None:
    body = create(as_owner, type="payment_gateway", webhookUrl=PUBLIC).json()
    webhook = Webhook.objects.get(integration_id=body["id"])
    assert body["webhookSecret"].startswith("whsec_")
    assert (webhook.user, webhook.url, webhook.secret) == (owner, PUBLIC, body["webhookSecret"])
    assert (webhook.events, webhook.active) == (["order.created", "order.updated"], False)


def test_leaves_an_audit_entry_without_secrets(as_owner: Client, owner: User) -> None:
    body = create(as_owner).json()
    entry = AuditEntry.objects.get(target_id=body["id"])
    assert (entry.action, entry.actor_id, entry.address) == ("integration.created", owner.pk, "127.0.0.1")
    assert body["apiSecret"] not in str(vars(entry))


def test_a_template_sets_scopes_and_checks_the_config(as_owner: Client) -> None:
    config = {"keyId": "rzp_test_1", "keySecret": "s3cret"}
    body = create(as_owner, type="payment_gateway", template="razorpay", config=config).json()
    row = Integration.objects.get(pk=body["id"])
    assert (row.template_id, row.scopes, row.config) == ("razorpay", ["orders:read", "payments:write"], config)


def test_names_every_problem_of_a_templates_config_without_quoting_it(as_owner: Client) -> None:
    config = {"keyId": "nonsense-value", "extra": 1}
    response = create(as_owner, type="payment_gateway", template="razorpay", config=config)
    assert response.status_code == 400
    assert {(problem["path"], problem["code"]) for problem in response.json()["details"]} == {
        ("/config/keySecret", "required"),
        ("/config/extra", "unknown"),
        ("/config/keyId", "pattern"),
    }
    assert "nonsense-value" not in response.text
    assert not Integration.objects.exists()


BAD: dict[str, list[Any]] = {
    "name": [None, "", "   ", "x" * 201, 5, True, [], {}, "a\x00b", "x" * 1_000_000],
    "type": [None, "", "bank", 5, True, [], {}, "custom\x00", "😀"],
    "config": ["{}", 5, True, [], [1], {"a": "\x00"}, {"a": "x" * 70_000}],
    "template": ["unknown", "a b", 5, True, [], {}, "razorpay"],
    "allowedNetworks": ["10.0.0.0/8", 5, {}, ["x"], [5], [None], ["10.0.0.0/33"]],
    "expiresAt": ["soon", 5, True, [], "2026-13-01T00:00:00Z"],
    "requireSignature": ["maybe", "true", 1, 5, [], {}, None],
    "status": ["active", "inactive", "suspended", "open", 5, [], None],
    "webhookUrl": [
        *("", 5, True, [], {}, "nonsense", "ftp://93.184.215.14/", "javascript:alert(1)"),
        *("http://127.0.0.1/", "http://[::1]/", "http://10.1.2.3/", "http://169.254.169.254/x", "http://2130706433/"),
        *("http://user:pw@93.184.215.14/", "https://93.184.215.14/" + "x" * 2048),
    ],
}
FAULTS = [{field: value} for field, values in BAD.items() for value in values]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: repr(fault)[:60])
def test_refuses_bad_input_and_makes_nothing(as_owner: Client, fault: dict[str, Any]) -> None:
    response = create(as_owner, **fault)
    assert response.status_code == 400, response.text
    assert set(response.json()) >= {"success", "message", "errors", "code"}
    assert not Integration.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "5", '{"name": NaN}'])
def test_refuses_what_is_no_json_object(as_owner: Client, text: str) -> None:
    response = as_owner.post(URL, text, content_type="application/json")
    assert response.status_code == 400
    assert not Integration.objects.exists()


@pytest.mark.parametrize("name", ["Zürich 😀", "दलाल", "x" * 200, "'; DROP TABLE integrations; --"])
def test_accepts_any_name_of_up_to_200_characters(as_owner: Client, name: str) -> None:
    assert create(as_owner, name=name).json()["name"] == name


def test_ids_keys_and_status_in_the_body_are_not_the_callers_to_choose(as_owner: Client, outsider: User) -> None:
    body = create(as_owner, id="int_1", userId=outsider.pk, user=outsider.pk, apiKey="ak_1", status="pending").json()
    row = Integration.objects.get()
    assert row.pk == body["id"] != "int_1"
    assert (row.user_id == outsider.pk, row.status, row.api_key == "ak_1") == (False, "pending", False)


@pytest.mark.parametrize("field", ["scopes", "actsFor", "rateLimits"])
def test_what_only_staff_may_set_is_refused_as_on_a_change(as_owner: Client, field: str) -> None:
    response = create(as_owner, **{field: []})
    assert (response.status_code, response.json()["code"]) == (403, "change_requires_staff")
    assert field in response.json()["message"]
    assert not Integration.objects.exists()


def test_the_hundredth_is_the_last(as_owner: Client, owner: User, as_outsider: Client) -> None:
    Integration.objects.bulk_create(
        Integration(user=owner, name="x", type="custom", api_key=f"ak_{n}", api_secret="s") for n in range(MAX_PER_USER)
    )
    response = create(as_owner)
    assert (response.status_code, response.json()["code"]) == (409, "limit_reached")
    assert Integration.objects.count() == MAX_PER_USER
    assert create(as_outsider).status_code == 201


def test_needs_a_session(db: None) -> None:
    response = create(Client())
    assert (response.status_code, response.json()["message"]) == (401, "Unauthorized")
    assert not Integration.objects.exists()


def test_needs_a_csrf_token_with_the_session(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = session_of(owner).cookies
    assert create(client).status_code == 403
    assert not Integration.objects.exists()


def test_a_constant_number_of_queries(as_owner: Client, owner: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            create(as_owner)
        return len(captured)

    few = queries()
    for _ in range(10):
        an_integration(owner)
    assert queries() == few <= 12
