"""GET /api/integrations/templates, and the catalogue behind it"""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from jsonschema import Draft202012Validator

from integrations import scopes
from integrations.catalogue import ALL_EVENTS, DEFAULT_EVENTS, TEMPLATES
from integrations.models import IntegrationType, Template
from integrations.tests.factories import an_integration, key_of
from webhooks.events import EventName

URL = "/api/integrations/templates"


def test_shows_every_template_with_schema_scopes_and_events(as_owner: Client) -> None:
    reply = as_owner.get(URL)
    rows = reply.json()
    assert reply.headers["X-Total-Count"] == str(len(rows))
    assert {row["id"] for row in rows} == {entry.id for entry in TEMPLATES}
    assert {row["type"] for row in rows} == set(IntegrationType.values)
    razorpay = next(row for row in rows if row["id"] == "razorpay")
    assert list(razorpay) == ["id", "type", "name", "description", "configSchema", "scopes", "events"]
    assert razorpay["configSchema"]["properties"]["keySecret"]["writeOnly"] is True
    assert razorpay["scopes"] == ["orders:read", "payments:write"]
    assert razorpay["events"] == ["order.created", "order.updated"]


def test_a_template_that_staff_withdrew_is_not_shown(as_owner: Client) -> None:
    Template.objects.filter(pk="payu").update(active=False)
    assert "payu" not in {row["id"] for row in as_owner.get(URL).json()}


def test_keys_do_not_manage_integrations(owner: User) -> None:
    assert Client().get(URL).status_code == 401
    assert key_of(an_integration(owner)).get(URL).status_code == 403


@pytest.mark.parametrize("entry", TEMPLATES, ids=lambda entry: entry.id)
def test_every_schema_is_one(entry: Template) -> None:
    Draft202012Validator.check_schema(entry.config_schema)


def test_default_events_can_be_subscribed_to() -> None:
    assert set(DEFAULT_EVENTS) == set(IntegrationType.values) == set(scopes.DEFAULTS)
    assert set(ALL_EVENTS) <= {name.value for name in EventName}
    assert all(set(events) <= set(ALL_EVENTS) for events in DEFAULT_EVENTS.values())
