"""Which scope opens which route, over the whole API"""

from typing import Any

import pytest
from django.contrib.auth.models import User

from integrations.scopes import ALL
from integrations.tests.factories import a_user, an_integration, key_of, session_of

ORDERS, BATCHES = "/api/order-management/orders", "/api/bulk-orders"
# A route and the scope that opens it. None of the ids exists: a call that is let in finds nothing, and does nothing.
OPEN = [
    ("GET", ORDERS, "orders:read"),
    ("GET", f"{ORDERS}/1", "orders:read"),
    ("GET", f"{ORDERS}/1/history", "orders:read"),
    ("POST", ORDERS, "orders:write"),
    ("POST", f"{ORDERS}/submit", "orders:write"),
    ("POST", f"{ORDERS}/1/cancel", "orders:write"),
    ("POST", f"{ORDERS}/1/payments", "payments:write"),
    ("POST", f"{ORDERS}/1/status", "order_status:write"),
    ("GET", BATCHES, "bulk_orders:read"),
    ("GET", f"{BATCHES}/BATCH-1", "bulk_orders:read"),
    ("GET", f"{BATCHES}/BATCH-1/results", "bulk_orders:read"),
    ("POST", BATCHES, "bulk_orders:write"),
    ("POST", f"{BATCHES}/upload", "bulk_orders:write"),
    ("POST", f"{BATCHES}/BATCH-1/cancel", "bulk_orders:write"),
    ("POST", f"{BATCHES}/BATCH-1/retry", "bulk_orders:write"),
    ("GET", "/api/webhooks", "webhooks:read"),
    ("GET", "/api/webhooks/events", "webhooks:read"),
    ("GET", "/api/webhooks/wh_1", "webhooks:read"),
    ("GET", "/api/webhooks/wh_1/analytics", "webhooks:read"),
    ("GET", "/api/webhooks/wh_1/deliveries", "webhooks:read"),
    ("GET", "/api/webhooks/wh_1/deliveries/del_1", "webhooks:read"),
    ("POST", "/api/webhooks", "webhooks:write"),
    ("PUT", "/api/webhooks/wh_1", "webhooks:write"),
    ("PATCH", "/api/webhooks/wh_1", "webhooks:write"),
    ("DELETE", "/api/webhooks/wh_1", "webhooks:write"),
    ("POST", "/api/webhooks/wh_1/test", "webhooks:write"),
    ("POST", "/api/webhooks/wh_1/rotate-secret", "webhooks:write"),
    ("POST", "/api/webhooks/wh_1/retry-failed", "webhooks:write"),
    ("POST", "/api/webhooks/wh_1/replay", "webhooks:write"),
    ("POST", "/api/webhooks/wh_1/deliveries/del_1/retry", "webhooks:write"),
]
CLOSED = [
    *(("POST", f"{ORDERS}/1/{move}") for move in ("claim", "release", "authorize", "reject")),
    ("GET", "/api/auth/me"),
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/logout"),
    ("GET", "/api/integrations"),
    ("POST", "/api/integrations"),
    ("GET", "/api/integrations/templates"),
    *((method, "/api/integrations/int_1") for method in ("GET", "PUT", "PATCH", "DELETE")),
    *(("POST", f"/api/integrations/int_1/{what}") for what in ("regenerate-credentials", "test")),
    *(("GET", f"/api/integrations/int_1/{what}") for what in ("usage", "usage/summary")),
]


def implying(scope: str) -> set[str]:
    return {scope, scope.replace(":read", ":write")}


@pytest.mark.parametrize(("method", "path", "scope"), OPEN)
def test_a_route_asks_for_its_scope(owner: User, method: str, path: str, scope: str) -> None:
    without = key_of(an_integration(owner, scopes=[other for other in ALL if other not in implying(scope)]))
    refused = without.generic(method, path, "{}", content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    for enough in implying(scope) & set(ALL):
        let_in = key_of(an_integration(owner, scopes=[enough])).generic(
            method, path, "{}", content_type="application/json"
        )
        assert let_in.status_code not in (401, 403, 429, 500), let_in.content


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_some_routes_are_closed_to_every_key(owner: User, method: str, path: str) -> None:
    response = key_of(an_integration(owner, scopes=list(ALL))).generic(
        method, path, "{}", content_type="application/json"
    )
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")


def test_a_method_that_a_route_does_not_have_is_405_for_keys_too(owner: User) -> None:
    key = key_of(an_integration(owner, scopes=[]))
    assert key.delete("/api/integrations/me").status_code == 405
    assert key.put("/api/webhooks").status_code == 405


def test_a_session_needs_no_scope(owner: User) -> None:
    for path in (ORDERS, BATCHES, "/api/webhooks", "/api/integrations"):
        assert session_of(owner).get(path).status_code == 200


def test_the_key_of_an_administrator_sees_no_more_than_its_owners_things(outsider: User, db: None) -> None:
    administrator = a_user(is_staff=True, is_superuser=True)
    as_outsider = session_of(outsider)
    webhook = {"url": "https://93.184.215.14/hook", "events": ["order.created"]}
    others = as_outsider.post("/api/webhooks", webhook, content_type="application/json").json()["id"]
    order = as_outsider.post(ORDERS, an_order(), content_type="application/json").json()["data"]["id"]
    key = key_of(an_integration(administrator, scopes=list(ALL)))
    assert key.get(f"/api/webhooks/{others}").status_code == 404
    assert key.get(f"{ORDERS}/{order}").status_code == 404
    assert key.get(f"{ORDERS}/{order}/history").status_code == 404
    assert key.post(f"{ORDERS}/{order}/cancel", {}, content_type="application/json").status_code == 404
    assert key.get(ORDERS).json() == key.get("/api/webhooks").json() == []
    payment = {"status": "received", "paymentReference": "UTR1", "amount": 5000}
    assert key.post(f"{ORDERS}/{order}/payments", payment, content_type="application/json").status_code == 404


def test_a_registrar_reaches_the_orders_that_staff_let_it_reach(owner: User, outsider: User) -> None:
    order = session_of(outsider).post(ORDERS, an_order(), content_type="application/json").json()["data"]["id"]
    payment = {"status": "received", "paymentReference": "UTR1", "amount": 5000}

    def pay(acts_for: list[int] | None) -> int:
        key = key_of(an_integration(owner, type="payment_gateway", acts_for=acts_for))
        return key.post(f"{ORDERS}/{order}/payments", payment, content_type="application/json").status_code

    assert (pay(None), pay([owner.pk]), pay([outsider.pk])) == (404, 404, 201)


def an_order() -> dict[str, Any]:
    item = {"id": "1", "productId": "1", "schemeName": "HDFC Top 100", "transactionType": "Purchase", "amount": 5000}
    return {"cartItems": [item], "transactionMode": {"mode": "Online"}, "optOutOfNomination": True}
