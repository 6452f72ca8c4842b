from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from config.lib.audit import AuditEntry
from webhooks import signing
from webhooks.tasks import forget_former_secrets
from webhooks.tests.calls import call
from webhooks.tests.factories import SECRET, make_webhook
from webhooks.tests.receiver import Receiver

pytestmark = pytest.mark.django_db


def test_gives_a_new_secret_and_keeps_the_old_one_for_a_day(as_owner: Client, owner: User, receiver: Receiver) -> None:
    webhook = make_webhook(owner, receiver.url)
    before = timezone.now()
    reply = call(as_owner, "POST", f"/{webhook.id}/rotate-secret")
    assert (reply.status, reply.json["id"]) == (200, webhook.id)
    new = reply.json["secret"]
    assert new != SECRET
    webhook.refresh_from_db()
    assert (webhook.secret, webhook.previous_secret) == (new, SECRET)
    assert webhook.previous_secret_until
    assert timedelta(hours=24) <= webhook.previous_secret_until - before < timedelta(hours=25)
    call(as_owner, "POST", f"/{webhook.id}/test")
    (received,) = receiver.received
    for secret in (new, SECRET):
        signing.verify(secret, received.headers, received.body)
    assert received.headers["x-webhook-signature"] == signing.sign_body(new, received.body)


def test_without_grace_the_old_secret_dies_at_once(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    assert call(as_owner, "POST", f"/{webhook.id}/rotate-secret", {"graceHours": 0}).status == 200
    webhook.refresh_from_db()
    assert (webhook.previous_secret, webhook.previous_secret_until) == (None, None)


def test_a_former_secret_is_forgotten_when_its_grace_is_over(owner: User) -> None:
    now = timezone.now()
    over = make_webhook(owner, previous_secret=SECRET, previous_secret_until=now)
    graced = make_webhook(owner, previous_secret=SECRET, previous_secret_until=now + timedelta(hours=1))
    forget_former_secrets()
    for webhook in (over, graced):
        webhook.refresh_from_db()
    assert (over.previous_secret, over.previous_secret_until) == (None, None)
    assert graced.previous_secret == SECRET


@pytest.mark.parametrize("hours", [-1, 169, "soon", "24", 1.5, True])
def test_refuses_a_grace_that_makes_no_sense(as_owner: Client, owner: User, hours: object) -> None:
    webhook = make_webhook(owner)
    assert call(as_owner, "POST", f"/{webhook.id}/rotate-secret", {"graceHours": hours}).status == 400
    webhook.refresh_from_db()
    assert webhook.secret == SECRET


@pytest.mark.parametrize("body", [[], [24], 0, False])
def test_refuses_a_body_that_is_no_object(as_owner: Client, owner: User, body: object) -> None:
    webhook = make_webhook(owner)
    assert call(as_owner, "POST", f"/{webhook.id}/rotate-secret", body).status == 400
    webhook.refresh_from_db()
    assert webhook.secret == SECRET


def test_is_audited_without_the_secret(as_owner: Client, owner: User) -> None:
    webhook = make_webhook(owner)
    secret = call(as_owner, "POST", f"/{webhook.id}/rotate-secret").json["secret"]
    entry = AuditEntry.objects.get(action="webhook.secret_rotated")
    assert (entry.target_id, entry.actor) == (webhook.id, owner.username)
    assert secret not in f"{entry.before}{entry.after}"
