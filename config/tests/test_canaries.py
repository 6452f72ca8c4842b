"""Secrets that are recognisable go through everything, and are found nowhere: not in a log, a row, a key or a reply."""

import base64
import logging
import time
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.lib.audit import AuditEntry
from config.lib.valkey import client as valkey
from integrations.credentials import request_signature
from integrations.models import Integration, UsageLog
from webhooks import outbox, tasks
from webhooks.delivery import new_transport
from webhooks.disabling import disable
from webhooks.engine import Engine
from webhooks.events import EventName
from webhooks.models import Attempt, Event
from webhooks.tests.receiver import Receiver, Status

PASSWORD = "canary-password-7f3a"
OTHERS = "canary-secret-of-a-payment-gateway"
CUSTOM = "canary-webhook-secret-of-a-partner"
JSON = "application/json"


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("asha", "asha@partner.example", PASSWORD)


@pytest.fixture
def receiver(settings: Any) -> Any:
    settings.WEBHOOKS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with Receiver() as receiver:
        yield receiver


def log_in(password: str) -> Client:
    client = Client()
    client.post("/api/auth/login", {"username": "asha", "password": password}, JSON)
    return client


def everything_stored() -> str:
    """Every row of every table, and all that Valkey holds."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        cursor.execute(" UNION ALL ".join(f'SELECT row::text FROM "{table}" AS row' for table in tables))
        rows = [text for (text,) in cursor.fetchall()]
    return "\n".join(rows) + "\n".join(map(str, valkey().keys("*")))


def use_keys(made: dict[str, str]) -> list[Any]:
    """Right and wrong proofs, in every way of presenting them; every reply but the one that shows who it is."""
    key, secret, path = made["apiKey"], made["apiSecret"], "/api/integrations/me"
    now = str(int(time.time()))
    signature = request_signature(secret, timestamp=now, method="GET", target=path, body=b"")
    basic = base64.b64encode(f"{key}:{secret}".encode()).decode()
    ways: list[dict[str, str]] = [
        {"X-API-Key": key, "X-API-Secret": secret},
        {"X-API-Key": key, "X-API-Secret": secret + "x"},
        {"X-API-Key": secret, "X-API-Secret": key},  # mixed up
        {"Authorization": f"Basic {basic}"},
        {"Authorization": f"Bearer {secret}"},
        {"X-API-Key": key, "X-API-Timestamp": now, "X-API-Signature": signature},
        {"X-API-Key": key, "X-API-Timestamp": now, "X-API-Signature": signature},
    ]
    replies = [Client(headers=headers).get(path) for headers in ways]
    replies += [Client(headers=ways[0]).get("/api/webhooks", {"apiSecret": secret, "limit": "x"})]
    replies += [Client(headers=ways[0]).post("/api/webhooks", f'{{"secret": "{secret}"', JSON)]
    assert [reply.status_code for reply in replies] == [200, 401, 401, 200, 401, 200, 401, 400, 400]
    return replies


def deliver_an_event(owner: User, webhook: str) -> str:
    """An event that a worker tries to deliver, the end of the endpoint, and the mail that tells of it."""
    with transaction.atomic():
        outbox.publish(user_id=owner.pk, name=EventName.ORDER_CREATED, data={"orderId": 1})
    transport = new_transport()
    Engine(transport).deliver_due()
    transport.close()
    with transaction.atomic():
        disable(webhook_id=webhook, reason="Every attempt has failed", now=timezone.now())
    tasks.tell_owners()
    (sent,) = mail.outbox
    return f"{sent.subject}\n{sent.body}"


def every_page_of_the_console() -> str:
    """The lists, and the newest records, of whatever the console has, as those see them who may see all."""
    staff = Client()
    staff.force_login(User.objects.create_superuser("root"), backend="django.contrib.auth.backends.ModelBackend")
    pages = ["/admin/"]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        newest = model._default_manager.order_by("-pk").values_list("pk", flat=True)[:2]
        pages += [reverse(f"{name}_changelist"), *(reverse(f"{name}_change", args=[quote(pk)]) for pk in newest)]
    replies = [staff.get(page) for page in pages]
    assert {reply.status_code for reply in replies} == {200}
    return "\n".join(reply.text for reply in replies)


def test_no_secret_is_found_where_it_does_not_belong(
    owner: User, receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    replies, shown = [], []
    log_in(f"{PASSWORD}-wrong")
    person = log_in(PASSWORD)
    body = {"name": "Shop", "type": "custom", "webhookUrl": receiver.url, "config": {"apiKey": OTHERS}}
    made = person.post("/api/integrations", body, JSON).json()
    path = f"/api/integrations/{made['id']}"
    shown += [made["apiSecret"], made["webhookSecret"]]
    replies += [person.put(path, {"status": "active"}, JSON), person.put(path, {"config": {"token": OTHERS}}, JSON)]
    replies += use_keys(made)
    replies += [person.post(f"{path}/test")]
    receiver.answers(Status(500))
    replies += [person.post(f"{path}/test"), person.get(path), person.get(f"{path}/usage")]
    again = person.post(f"{path}/regenerate-credentials", {"graceHours": 1}, JSON).json()
    shown += [again["apiSecret"]]
    replies += [person.post("/api/webhooks", {"url": "ftp://x", "events": ["order.created"], "secret": CUSTOM}, JSON)]
    hook = {"url": receiver.url, "events": ["order.created"], "secret": CUSTOM}
    webhook = person.post("/api/webhooks", hook, JSON).json()["id"]
    shown += [person.post(f"/api/webhooks/{webhook}/rotate-secret", {}, JSON).json()["secret"]]
    replies += [person.post(f"/api/webhooks/{webhook}/test"), person.get(f"/api/webhooks/{webhook}")]
    replies += [person.get(f"/api/webhooks/{webhook}/deliveries"), person.get("/api/webhooks/none")]
    call_command("rotate_encryption_key")
    mailed, console = deliver_an_event(owner, webhook), every_page_of_the_console()
    # It was all there to be written down.
    for model in (Attempt, AuditEntry, Event, Integration, UsageLog):
        assert model._default_manager.exists(), model
    said = capfd.readouterr()
    places = {
        "log": caplog.text + str([vars(record) for record in caplog.records]) + said.out + said.err,
        "store": everything_stored(),
        "replies": "\n".join(reply.text for reply in replies),
        "mail": mailed,
        "console": console,
        "metrics": Client().get("/metrics").text,
        "requests to the endpoint": str([(each.headers, each.body) for each in receiver.received]),
    }
    for secret in [PASSWORD, OTHERS, CUSTOM, *shown]:
        for place, text in places.items():
            assert secret.removeprefix("whsec_") not in text, f"{secret} in the {place}"
    assert made["id"] in places["store"]
    assert made["id"] in places["console"]
    assert receiver.url in places["mail"]
    assert "gateway_http_requests_total" in places["metrics"]
    assert "/api/integrations/me" in places["log"]
