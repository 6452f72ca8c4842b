"""Bare arrays, newest first; every row is met once, whatever the way through."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import path
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny

from config.lib import pages
from config.lib.audit import AuditEntry
from config.lib.camel import CamelModelSerializer

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


class EntrySerializer(CamelModelSerializer):
    class Meta:
        model = AuditEntry
        fields = ("id", "target_id")


class ByMoment(pages.NewestFirst):
    moment = "at"


class Entries(ListAPIView[AuditEntry]):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    queryset = AuditEntry.objects.all()
    serializer_class = EntrySerializer
    pagination_class = ByMoment


urlpatterns = [path("api/entries", Entries.as_view())]


@pytest.fixture
def rows() -> list[int]:
    """Seven entries, two and two of one moment; their ids as a client should meet them."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = [
        AuditEntry.objects.create(
            at=start + timedelta(minutes=n // 2), actor="a", action="x", target_type="t", target_id=str(n)
        )
        for n in range(7)
    ]
    return [entry.pk for entry in reversed(made)]


def ids(response: Any) -> list[int]:
    assert response.status_code == 200
    return [row["id"] for row in response.json()]


def link(response: Any, rel: str) -> str | None:
    for part in response.headers.get("Link", "").split(", "):
        address, _, name = part.partition("; ")
        if name == f'rel="{rel}"':
            return str(address).strip("<>")
    return None


def walk(client: Client, address: str | None) -> list[int]:
    met: list[int] = []
    while address:
        response = client.get(address)
        met += ids(response)
        address = link(response, "next")
    return met


def test_the_list_is_a_bare_array_newest_first(client: Client, rows: list[int]) -> None:
    response = client.get("/api/entries")
    assert ids(response) == rows
    assert response.json()[0].keys() == {"id", "targetId"}
    assert response.headers["X-Total-Count"] == "7"
    assert "Link" not in response.headers


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_following_next_meets_every_row_once(client: Client, rows: list[int], limit: int) -> None:
    assert walk(client, f"/api/entries?limit={limit}") == rows


def test_beyond_the_deepest_offset_a_cursor_goes_on(client: Client, rows: list[int], monkeypatch: Any) -> None:
    monkeypatch.setattr(pages, "MAX_OFFSET", 2)
    assert walk(client, "/api/entries?limit=2") == rows
    response = client.get("/api/entries?limit=2&offset=2")
    assert "cursor=" in (link(response, "next") or "")
    for offset in ("3", "9999999999"):
        refusal = client.get(f"/api/entries?offset={offset}")
        assert (refusal.status_code, refusal.json()["code"]) == (400, "offset_too_large")


def test_prev_leads_back(client: Client, rows: list[int]) -> None:
    response = client.get("/api/entries?limit=2&offset=3")
    assert ids(response) == rows[3:5]
    assert ids(client.get(link(response, "prev") or "")) == rows[1:3]


def test_counting_stops_at_its_cap(client: Client, rows: list[int], monkeypatch: Any) -> None:
    monkeypatch.setattr(pages, "COUNT_CAP", 5)
    assert client.get("/api/entries").headers["X-Total-Count"] == "5+"


def test_an_empty_list_is_not_counted(client: Client, db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        reply = client.get("/api/entries")
    assert (reply.json(), reply.headers["X-Total-Count"]) == ([], "0")


def test_a_page_costs_two_queries(client: Client, rows: list[int], django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        client.get("/api/entries?limit=3")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1.5",
        "limit=٣",
        "offset=-1",
        "cursor=zz",
        "cursor=é",
    ],
)
def test_nonsense_is_refused(client: Client, rows: list[int], query: str) -> None:
    assert client.get(f"/api/entries?{query}").status_code == 400


@pytest.mark.parametrize("limit", ["100", "9999999999", "9" * 5000, "000100"])
def test_a_limit_above_the_maximum_is_lowered(client: Client, rows: list[int], monkeypatch: Any, limit: str) -> None:
    monkeypatch.setattr(pages, "MAX_LIMIT", 3)
    assert ids(client.get(f"/api/entries?limit={limit}")) == rows[:3]
