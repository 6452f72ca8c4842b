from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from webhooks.events import CATALOGUE
from webhooks.tests.calls import call
from webhooks.tests.factories import make_webhook

pytestmark = pytest.mark.django_db


def test_lists_ones_own_webhooks_newest_first_without_secrets(as_owner: Client, owner: User, outsider: User) -> None:
    make_webhook(outsider)
    old = make_webhook(owner, created_at=timezone.now() - timedelta(days=1))
    new = make_webhook(owner)
    reply = call(as_owner, "GET", "")
    assert reply.status == 200
    assert [webhook["id"] for webhook in reply.json] == [new.id, old.id]
    assert not any("secret" in webhook for webhook in reply.json)
    assert reply.headers["X-Total-Count"] == "2"


def test_a_trailing_slash_and_the_version_are_tolerated(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    assert as_owner.get("/api/webhooks/").json()[0]["id"] == webhook.id
    assert as_owner.get("/api/v1/webhooks").json()[0]["id"] == webhook.id
    assert as_owner.get(f"/api/v1/webhooks/{webhook.id}").json()["id"] == webhook.id


def test_the_number_of_queries_does_not_grow(
    as_owner: Client, owner: User, django_assert_max_num_queries: type
) -> None:
    for _ in range(20):
        make_webhook(owner)
    call(as_owner, "GET", "")
    with django_assert_max_num_queries(5):
        assert len(call(as_owner, "GET", "").json) == 20


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_anothers_webhook_answers_as_an_unknown_one(as_outsider: Client, owner: User, method: str) -> None:
    webhook = make_webhook(owner)
    body = None if method in {"GET", "DELETE"} else {"active": False}
    another, unknown = (call(as_outsider, method, f"/{id_}", body) for id_ in (webhook.id, "wh_1_0000000000000000"))
    assert (another.status, another.json) == (unknown.status, unknown.json)
    assert (another.status, another.json["message"]) == (404, "Webhook not found")
    webhook.refresh_from_db()
    assert webhook.active


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/test"),
        ("POST", "/rotate-secret"),
        ("POST", "/retry-failed"),
        ("POST", "/replay"),
        ("GET", "/analytics"),
        ("GET", "/deliveries"),
        ("GET", "/deliveries/del_1_0"),
        ("POST", "/deliveries/del_1_0/retry"),
    ],
)
def test_nothing_below_anothers_webhook_is_there(as_outsider: Client, owner: User, method: str, path: str) -> None:
    webhook = make_webhook(owner)
    reply = call(as_outsider, method, f"/{webhook.id}{path}", None if method == "GET" else {})
    assert (reply.status, reply.json["message"]) == (404, "Webhook not found")
    assert not webhook.deliveries.exists()
    before = webhook.secret
    webhook.refresh_from_db()
    assert webhook.secret == before


def test_the_catalogue_describes_every_event(as_owner: Client) -> None:
    reply = call(as_owner, "GET", "/events")
    assert (reply.status, reply.headers["X-Total-Count"]) == (200, str(len(CATALOGUE)))
    assert [entry["name"] for entry in reply.json] == [name.value for name in CATALOGUE]
    assert set(reply.json[0]) == {"name", "description", "schema", "example"}


def test_unknown_methods_are_refused(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    assert call(as_owner, "DELETE", "").status == 405
    assert call(as_owner, "GET", f"/{webhook.id}/test").status == 405
