"""GET /api/integrations"""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Integration
from integrations.tests.factories import an_integration, key_of

URL = "/api/integrations"


def test_lists_the_users_own_newest_first(as_owner: Client, owner: User, outsider: User) -> None:
    first, second = an_integration(owner), an_integration(owner)
    Integration.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(hours=1))
    an_integration(outsider)
    response = as_owner.get(URL)
    assert [row["id"] for row in response.json()] == [second.pk, first.pk]
    assert response.headers["X-Total-Count"] == "2"


def test_a_row_has_neither_key_nor_secret_nor_config(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner, config={"a": "b"}, webhook_secret="whsec_x")
    row = as_owner.get(URL).json()[0]
    assert list(row) == [
        *("id", "name", "type", "status", "webhookUrl", "createdAt", "updatedAt", "lastUsedAt", "usageCount")
    ]
    assert (row["lastUsedAt"], row["usageCount"], row["webhookUrl"]) == (None, 0, None)
    assert integration.api_key not in str(row)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=rta", ["rta"]),
        ("status=inactive", ["custom"]),
        ("type=rta&status=inactive", []),
        ("type=&status=", ["custom", "rta"]),
        ("limit=1", ["rta"]),
        ("limit=1&offset=1", ["custom"]),
    ],
)
def test_filters_and_pages(as_owner: Client, owner: User, query: str, found: list[str]) -> None:
    an_integration(owner, type="custom", status="inactive", created_at=timezone.now() - timedelta(hours=1))
    an_integration(owner, type="rta")
    assert sorted(row["type"] for row in as_owner.get(f"{URL}?{query}").json()) == found


@pytest.mark.parametrize("query", ["type=bank", "status=open", "type=%00", "limit=x", "offset=-1", "type=%F0%9F%98%80"])
def test_refuses_filters_that_are_none(as_owner: Client, query: str) -> None:
    assert as_owner.get(f"{URL}?{query}").status_code == 400


def test_needs_a_session(owner: User) -> None:
    assert Client().get(URL).status_code == 401
    refused = key_of(an_integration(owner)).get(URL)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")


def test_a_constant_number_of_queries(as_owner: Client, owner: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            as_owner.get(URL)
        return len(captured)

    an_integration(owner)
    few = queries()
    for _ in range(10):
        an_integration(owner, webhook_secret="whsec_x")
    assert queries() == few


def test_the_versioned_route_is_the_same(as_owner: Client, owner: User) -> None:
    an_integration(owner)
    bare: Any = as_owner.get(URL)
    assert bare.json() == as_owner.get("/api/v1/integrations").json() == as_owner.get(f"{URL}/").json()
