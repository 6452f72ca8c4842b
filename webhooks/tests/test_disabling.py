"""An endpoint is disabled by us: once, and everybody hears of it once."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config.lib.audit import AuditEntry
from webhooks.disabling import disable
from webhooks.models import Event, Webhook
from webhooks.tests.factories import make_webhook

pytestmark = pytest.mark.django_db


def test_who_is_disabled_already_is_not_disabled_again(owner: User) -> None:
    webhook = make_webhook(owner)
    make_webhook(owner, events=["webhook.disabled"])
    for reason in ("100 deliveries in a row have failed", "Its certificate has expired"):
        disable(webhook_id=webhook.pk, reason=reason, now=timezone.now())
    assert Webhook.objects.get(pk=webhook.pk).disabled_reason == "100 deliveries in a row have failed"
    assert AuditEntry.objects.filter(action="webhook.disabled").count() == 1
    assert Event.objects.filter(name="webhook.disabled").count() == 1
