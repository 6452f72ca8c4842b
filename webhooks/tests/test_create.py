from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.lib.audit import AuditEntry
from config.lib.postgresql.statements import execute
from webhooks import signing
from webhooks.models import Webhook
from webhooks.tests.calls import call
from webhooks.tests.factories import make_managed, make_webhook

URL = "https://8.8.8.8/hook"
pytestmark = pytest.mark.django_db


def body(**changes: Any) -> dict[str, Any]:
    return {"url": URL, "events": ["order.created"]} | changes


def test_creates_a_webhook_and_shows_its_secret_once(as_owner: Client, owner: User) -> None:
    reply = call(as_owner, "POST", "", body(events=["order.created", "order.failed", "order.created"]))
    assert reply.status == 201
    webhook = Webhook.objects.get()
    shown = reply.json
    assert shown["secret"] == webhook.secret
    assert len(signing.signing_key(shown["secret"])) == 32
    assert shown | {"secret": "", "createdAt": "", "updatedAt": ""} == {
        "id": webhook.id,
        "userId": owner.pk,
        "url": URL,
        "events": ["order.created", "order.failed"],
        "active": True,
        "createdAt": "",
        "updatedAt": "",
        "lastTriggeredAt": None,
        "failureCount": 0,
        "description": "",
        "retrySchedule": "exponential",
        "maxRetries": 5,
        "rateLimit": None,
        "ordered": False,
        "disabledAt": None,
        "disabledReason": None,
        "integrationId": None,
        "secret": "",
    }
    assert shown["createdAt"].endswith("Z")
    assert "secret" not in call(as_owner, "GET", f"/{webhook.id}").json


def test_takes_every_option(as_owner: Client) -> None:
    options = {"description": "ERP", "retrySchedule": "standard", "maxRetries": 7, "rateLimit": 50, "ordered": True}
    reply = call(as_owner, "POST", "", body(**options, secret="a secret of my own", active=False))
    assert reply.status == 201
    assert {name: reply.json[name] for name in options} == options
    assert (reply.json["secret"], reply.json["active"]) == ("a secret of my own", False)


def test_the_default_number_of_attempts_is_the_schedules(as_owner: Client) -> None:
    assert call(as_owner, "POST", "", body(retrySchedule="standard")).json["maxRetries"] == 10


def test_the_secret_rests_encrypted(as_owner: Client) -> None:
    secret = call(as_owner, "POST", "", body()).json["secret"]
    [(stored,)] = execute("SELECT secret FROM webhooks", {})
    assert secret not in stored


def test_creation_is_audited_without_the_secret(as_owner: Client, owner: User) -> None:
    reply = call(as_owner, "POST", "", body())
    entry = AuditEntry.objects.get(action="webhook.created")
    assert (entry.actor, entry.target_id, entry.address) == (owner.username, reply.json["id"], "127.0.0.1")
    assert reply.json["secret"] not in str(entry.after)


@pytest.mark.parametrize(
    ("wrong", "path", "message"),
    [
        ({"events": []}, "/events", "At least one event type is required"),
        ({"events": ["order.exploded"]}, "/events/0", "Unknown event type: order.exploded"),
        ({"events": "order.created"}, "/events", None),
        ({"events": None}, "/events", None),
        ({"url": "ftp://8.8.8.8/"}, "/url", "URL must be a valid http or https address"),
        ({"url": "javascript:alert(1)"}, "/url", "URL must be a valid http or https address"),
        ({"url": "http://10.0.0.1/"}, "/url", "URL must not point to a private or reserved address"),
        ({"url": "http://0xa9fea9fe/"}, "/url", "URL must not point to a private or reserved address"),
        ({"url": "https://user:pw@8.8.8.8/"}, "/url", "URL must not contain a user name or password"),
        ({"url": "https://8.8.8.8/" + "x" * 2048}, "/url", None),
        ({"url": ""}, "/url", None),
        ({"url": 7}, "/url", None),
        ({"url": None}, "/url", None),
        ({"secret": "short"}, "/secret", "A secret must have 16 to 256 characters"),
        ({"secret": "whsec_c2hvcnQ="}, "/secret", "A secret that starts with whsec_ must hold 24 to 64 bytes"),
        ({"description": "x" * 1001}, "/description", None),
        ({"retrySchedule": "hopeful"}, "/retrySchedule", None),
        ({"maxRetries": 0}, "/maxRetries", None),
        ({"maxRetries": 21}, "/maxRetries", None),
        ({"rateLimit": 0}, "/rateLimit", None),
        ({"active": 1}, "/active", None),
        ({"active": "yes"}, "/active", None),
        ({"ordered": "true"}, "/ordered", None),
        ({"ordered": None}, "/ordered", None),
        ({"maxRetries": "3"}, "/maxRetries", None),
        ({"maxRetries": 3.0}, "/maxRetries", None),
        ({"maxRetries": True}, "/maxRetries", None),
        ({"rateLimit": "50"}, "/rateLimit", None),
        ({"description": 5}, "/description", None),
    ],
)
def test_refuses_what_breaks_the_rules(as_owner: Client, wrong: dict[str, Any], path: str, message: str | None) -> None:
    reply = call(as_owner, "POST", "", body(**wrong))
    assert (reply.status, reply.json["success"]) == (400, False)
    assert reply.json["details"][0]["path"] == path
    assert message in {None, reply.json["message"]}
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("missing", ["url", "events"])
def test_url_and_events_are_required(as_owner: Client, missing: str) -> None:
    wanted = body()
    del wanted[missing]
    reply = call(as_owner, "POST", "", wanted)
    assert (reply.status, reply.json["details"][0]["path"]) == (400, f"/{missing}")
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("wrong", [[], "text", 7, None])
def test_a_body_that_is_no_object_is_refused(as_owner: Client, wrong: Any) -> None:
    assert call(as_owner, "POST", "", wrong or "null").status == 400
    assert not Webhook.objects.exists()


def test_a_name_that_does_not_resolve_today_is_accepted(as_owner: Client) -> None:
    assert call(as_owner, "POST", "", body(url="https://nowhere.invalid/hook")).status == 201


def test_a_name_that_resolves_to_a_refused_address_is_not(as_owner: Client, settings: Any) -> None:
    settings.WEBHOOKS_ALLOWED_NETWORKS = []
    assert call(as_owner, "POST", "", body(url="http://localhost/hook")).status == 400
    assert not Webhook.objects.exists()


def test_https_can_be_required(as_owner: Client, settings: Any) -> None:
    settings.WEBHOOKS_REQUIRE_HTTPS = True
    reply = call(as_owner, "POST", "", body(url="http://8.8.8.8/"))
    assert (reply.status, reply.json["message"]) == (400, "URL must use https")
    assert not Webhook.objects.exists()


def test_a_user_may_have_a_hundred(as_owner: Client, owner: User, outsider: User) -> None:
    make_webhook(outsider)
    make_managed(owner)
    Webhook.objects.bulk_create(
        Webhook(user=owner, url=URL, events=["order.created"], secret="x" * 16) for _ in range(99)
    )
    assert call(as_owner, "POST", "", body()).status == 201
    reply = call(as_owner, "POST", "", body())
    assert (reply.status, reply.json["code"]) == (409, "limit_reached")
    assert Webhook.objects.filter(user=owner, integration_id=None).count() == 100


def test_nobody_is_refused(db: None) -> None:
    reply = call(Client(), "POST", "", body())
    assert (reply.status, reply.json["message"]) == (401, "Unauthorized")
    assert not Webhook.objects.exists()
