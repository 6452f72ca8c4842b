"""Plain functions that make what a test needs."""

import itertools
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from integrations.credentials import new_api_key, new_api_secret
from integrations.models import Integration, IntegrationStatus
from integrations.scopes import DEFAULTS

_numbers = itertools.count(1)


def a_user(**fields: Any) -> User:
    return User.objects.create(username=f"partner-{next(_numbers)}", **fields)


def an_integration(user: User, **fields: Any) -> Integration:
    """An active integration; its `api_secret` is there in the clear."""
    kind = fields.setdefault("type", "custom")
    defaults: dict[str, Any] = {
        "name": "Front end",
        "status": IntegrationStatus.ACTIVE,
        "api_key": new_api_key(),
        "api_secret": new_api_secret(),
        "config": {},
        "scopes": list(DEFAULTS[kind]),
    }
    integration = Integration.objects.create(user=user, **(defaults | fields))
    integration.refresh_from_db()
    return integration


def session_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def key_of(integration: Integration, **headers: str) -> Client:
    """A client that presents the integration's key and secret with every call."""
    proofs = {"X-API-Key": integration.api_key, "X-API-Secret": integration.api_secret}
    return Client(headers=proofs | headers)
