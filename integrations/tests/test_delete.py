"""DELETE /api/integrations/{id}"""

from django.contrib.auth.models import User
from django.test import Client

from config.lib.audit import AuditEntry
from integrations.models import Integration, UncountedCall, UsageLog
from integrations.tests.factories import an_integration, key_of
from webhooks.models import Webhook


def test_the_integration_goes_with_its_log_and_its_webhook(as_owner: Client, owner: User) -> None:
    gone, kept = an_integration(owner), an_integration(owner)
    for integration in (gone, kept):
        key_of(integration).get("/api/integrations/me")
        Webhook.objects.create(integration_id=integration.pk, user=owner, url="https://x", events=[], secret="s")
    response = as_owner.delete(f"/api/integrations/{gone.pk}")
    assert (response.status_code, response.content) == (204, b"")
    assert Integration.objects.get() == kept
    assert UsageLog.objects.get().integration == kept
    assert UncountedCall.objects.get().integration == kept
    assert Webhook.objects.get().integration_id == kept.pk
    assert key_of(gone).get("/api/integrations/me").status_code == 401


def test_leaves_an_audit_entry(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    as_owner.delete(f"/api/integrations/{integration.pk}")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target_id, entry.actor_id) == ("integration.deleted", integration.pk, owner.pk)


def test_an_outsider_deletes_nothing(as_outsider: Client, owner: User) -> None:
    integration = an_integration(owner)
    assert as_outsider.delete(f"/api/integrations/{integration.pk}").status_code == 404
    assert Integration.objects.exists()


def test_a_key_cannot_delete_its_integration(owner: User) -> None:
    integration = an_integration(owner)
    assert key_of(integration).delete(f"/api/integrations/{integration.pk}").status_code == 403
    assert Integration.objects.exists()


def test_a_second_time_it_is_unknown(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    codes = [as_owner.delete(f"/api/integrations/{integration.pk}").status_code for _ in range(2)]
    assert codes == [204, 404]
