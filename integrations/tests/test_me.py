"""GET /api/integrations/me"""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from integrations.tests.factories import an_integration, key_of

URL = "/api/integrations/me"


def test_a_key_learns_who_it_is_and_how_much_it_may(owner: User, settings: Any) -> None:
    integration = an_integration(owner, type="analytics", allowed_networks=["127.0.0.0/8"], rate_per_minute=7)
    body = key_of(integration).get(URL).json()
    assert body == {
        "id": integration.pk,
        "name": "Front end",
        "type": "analytics",
        "status": "active",
        "scopes": ["orders:read", "bulk_orders:read", "webhooks:read"],
        "rateLimits": {"perMinute": 7, "perHour": settings.API_RATE_PER_HOUR},
        "expiresAt": None,
        "allowedNetworks": ["127.0.0.0/8"],
    }


def test_a_session_is_told_that_it_is_no_key(as_owner: Client) -> None:
    response = as_owner.get(URL)
    assert (response.status_code, response.json()["code"]) == (403, "api_key_required")


def test_a_stranger_is_not_let_in(db: None) -> None:
    assert Client().get(URL).status_code == 401


def test_a_key_without_any_scope_may_ask(owner: User) -> None:
    assert key_of(an_integration(owner, scopes=[])).get(URL).json()["scopes"] == []
