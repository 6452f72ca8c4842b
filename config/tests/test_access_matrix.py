"""Every route of the API × everybody who may call it, read from the URL configuration: a new route is in here, too.

A refusal says the same of what belongs to another as of what is not there at all, and changes nothing.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bulk_orders.models import Batch, Order
from bulk_orders.tests.calls import an_order, api_of, key_of, submit
from bulk_orders.tests.forms import order_form
from config import api
from config.lib import exact_json
from integrations import scopes
from integrations.tests.factories import an_integration
from webhooks.models import DeliveryStatus, Webhook
from webhooks.tests.factories import make_delivery, make_webhook

ALL_SCOPES = scopes.ALL
# What a route needs so that its owner's call does its work. Whoever adds a route that needs more adds it here.
BODIES: dict[str, dict[str, Any]] = {
    "replay": {"since": "2026-01-01T00:00:00Z"},
    "reject": {"reason": "No"},
    "payment": {"status": "received", "paymentReference": "PAY-1", "amount": 1},
    "report": {"status": "Failed", "reason": "No"},
}
# Only a key does these, and only a checker those.
FOR_KEYS, FOR_CHECKERS = {"payment", "report"}, {"claim", "release", "authorize", "reject"}
UNKNOWN = {"order": "MO-20260101-ZZZZZZZZ"}
TABLES = [
    *("webhooks", "webhook_events", "webhook_deliveries", "webhook_delivery_attempts"),
    *("orders", "order_transitions", "order_payments", "idempotency_keys"),
    *("bulk_order_batches", "bulk_order_results", "bulk_order_chunks"),
    *("integrations", "integration_templates"),
    *("auth_user", "auth_user_groups", "auth_user_user_permissions"),
]


class Route(NamedTuple):
    method: str
    path: str
    parameters: tuple[str, ...]
    action: str
    scope: str | None

    def at(self, ids: dict[str, str]) -> str:
        target = self.path
        for name in self.parameters:
            target = target.replace(f"<str:{name}>", ids[name])
        return f"/api/{target}"


def routes(patterns: list[Any] = api.resources, before: str = "") -> Iterator[Route]:
    for pattern in patterns:
        whole = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, whole)
        else:
            yield from _of(pattern, whole)


def _of(pattern: URLPattern, whole: str) -> Iterator[Route]:
    view: Any = pattern.callback
    names = view.cls.http_method_names
    actions = getattr(view, "actions", None) or {name: name for name in names if hasattr(view.cls, name)}
    needed = getattr(view.cls, "required_scopes", {})
    for method, action in actions.items():
        if method not in ("options", "head"):
            yield Route(method.upper(), whole, tuple(pattern.pattern.converters), action, needed.get(action))


WITH_IDS = [route for route in routes() if route.parameters]
# Probes are for everybody: see test_health.
WITHOUT_IDS = [route for route in routes() if not route.parameters and route.path != "health"]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("owner")


@pytest.fixture
def ids(owner: User) -> dict[str, str]:
    """One thing of the owner's for every parameter that routes have."""
    webhook = make_webhook(owner, "http://127.0.0.1:9/")
    delivery = make_delivery(webhook, status=DeliveryStatus.FAILED, attempts=5, next_retry_at=None)
    return {
        "webhook_id": webhook.pk,
        "delivery_id": delivery.pk,
        "batch_id": submit(api_of(owner), order_form()),
        "pk": an_integration(owner).pk,
        "order": str(an_order(owner).pk),
    }


def state() -> list[Any]:
    """Every row that a call could change, but for logs."""
    parts = " UNION ALL ".join(
        f"SELECT '{table}', count(*), md5(string_agg(row::text, '|' ORDER BY row::text)) FROM {table} AS row"
        for table in TABLES
    )
    with connection.cursor() as cursor:
        cursor.execute(parts)
        return list(cursor.fetchall())


def call(client: Any, route: Route, ids: dict[str, str]) -> Any:
    body = exact_json.dumps(BODIES.get(route.action, {}))
    return client.generic(route.method, route.at(ids), body, content_type="application/json")


def unknown(ids: dict[str, str]) -> dict[str, str]:
    """Ids of the same form, which nothing has."""
    return {name: UNKNOWN.get(name) or f"{value[:-4]}ZZZZ" for name, value in ids.items()}


def refused(client: Any, route: Route, ids: dict[str, str], status: int, code: str | None = None) -> None:
    before = state()
    reply = call(client, route, ids)
    assert (reply.status_code, reply.json()["success"]) == (status, False), reply.content
    assert code in (None, reply.json()["code"])
    assert state() == before


@pytest.mark.parametrize("route", WITH_IDS, ids=name_of)
def test_what_belongs_to_another_is_as_unknown_as_nothing(route: Route, ids: dict[str, str], owner: User) -> None:
    outsider, staff = User.objects.create_user("outsider"), User.objects.create_user("staff", is_staff=True)
    callers: list[Any] = [api_of(outsider), api_of(staff), key_of(outsider, *ALL_SCOPES), key_of(staff, *ALL_SCOPES)]
    for client in callers:
        before, reply, other = state(), call(client, route, ids), call(client, route, unknown(ids))
        assert reply.status_code in (403, 404), reply.content
        assert (reply.status_code, reply.content) == (other.status_code, other.content)
        assert not any(value in reply.text for value in ids.values() if len(value) > 8)
        assert state() == before


@pytest.mark.parametrize("route", [*WITH_IDS, *WITHOUT_IDS], ids=name_of)
def test_without_credentials_only_the_log_in_answers(route: Route, ids: dict[str, str]) -> None:
    if route.action == "post" and route.path == "auth/login":
        assert call(Client(), route, ids).status_code == 400
    else:
        refused(Client(), route, ids, 401, "not_authenticated")


@pytest.mark.parametrize("route", [*WITH_IDS, *WITHOUT_IDS], ids=name_of)
def test_the_owners_key_without_the_scope_is_refused(route: Route, ids: dict[str, str], owner: User) -> None:
    held = [name for name in ALL_SCOPES if route.scope and not scopes.permits([name], route.scope)]
    if route.scope != "":
        refused(key_of(owner, *held), route, ids, 403, "insufficient_scope")


@pytest.mark.parametrize("route", WITH_IDS, ids=name_of)
def test_the_owners_key_with_the_scope_passes_where_keys_may(route: Route, ids: dict[str, str], owner: User) -> None:
    if route.scope is None:
        refused(key_of(owner, *ALL_SCOPES), route, ids, 403, "insufficient_scope")
    else:
        assert call(key_of(owner, route.scope), route, ids).status_code in (200, 201, 202, 204, 409)


@pytest.mark.parametrize("route", WITH_IDS, ids=name_of)
def test_the_owner_in_person_passes_but_for_the_work_of_others(route: Route, ids: dict[str, str], owner: User) -> None:
    if route.action in FOR_KEYS | FOR_CHECKERS:
        refused(api_of(owner), route, ids, 403)
    else:
        assert call(api_of(owner), route, ids).status_code in (200, 201, 202, 204, 409)


@pytest.mark.parametrize("route", [route for route in WITHOUT_IDS if route.method == "GET"], ids=name_of)
def test_no_list_shows_what_belongs_to_another(route: Route, ids: dict[str, str], owner: User) -> None:
    theirs = [ids["webhook_id"], ids["batch_id"], ids["pk"], *Order.objects.values_list("model_order_id", flat=True)]
    outsider, staff = User.objects.create_user("outsider"), User.objects.create_user("staff", is_staff=True)
    for client in (api_of(outsider), api_of(staff), key_of(outsider, *ALL_SCOPES)):
        text = b"".join(call(client, route, ids)).decode(errors="replace")
        assert not any(value in text for value in theirs)
    assert Batch.objects.filter(user=owner).exists()


class Leak(APIView):
    """What somebody might add tomorrow: a route that shows whatever it is asked for."""

    required_scopes: ClassVar = {"GET": "webhooks:read"}

    def get(self, request: Request, webhook_id: str) -> Response:
        return Response(Webhook.objects.filter(pk=webhook_id).values("id", "url").first())


LEAKS = [path("leaks/<str:webhook_id>", Leak.as_view()), path("leaks/<str:unheard_of>", Leak.as_view())]
urlpatterns = [path("api/", include(LEAKS)), path("", include("config.urls"))]


@pytest.mark.urls(__name__)
def test_a_new_route_cannot_escape(ids: dict[str, str], owner: User) -> None:
    leak, unheard_of = routes(LEAKS)
    with pytest.raises(AssertionError):
        test_what_belongs_to_another_is_as_unknown_as_nothing(leak, ids, owner)
    with pytest.raises(KeyError):  # nobody has said what its parameter is
        unheard_of.at(ids)


def test_the_matrix_is_not_empty() -> None:
    callers = "owner, owner's key with and without the scope, outsider, outsider's key, staff, staff's key, nobody"
    print(f"{len(WITH_IDS)} calls with an id, {len(WITHOUT_IDS)} without; by {callers}")  # noqa: T201  # seen with -s
    assert len(WITH_IDS) > 30
    assert {name for route in WITH_IDS for name in route.parameters} == {
        "webhook_id", "delivery_id", "batch_id", "pk", "order",
    }  # fmt: skip
