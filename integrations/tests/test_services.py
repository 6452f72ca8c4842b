"""What staff do to integrations, through the services that the console calls"""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from config.lib.audit import AuditEntry
from config.lib.errors import BadRequest, NotFound
from integrations import services
from integrations.models import Integration, Template
from integrations.services import StaffOnly
from integrations.tests.factories import a_user, an_integration, key_of

ME = "/api/integrations/me"


def test_a_suspended_key_is_refused_from_its_next_call_on(owner: User, staff: User) -> None:
    integration = an_integration(owner)
    key = key_of(integration)
    assert key.get(ME).status_code == 200
    services.suspend(integration=integration, actor=staff, reason="Leaked in a public repository")
    assert key.get(ME).status_code == 401
    row = Integration.objects.get()
    assert (row.status, row.suspended_reason) == ("suspended", "Leaked in a public repository")
    services.activate(integration=integration, actor=staff)
    assert key.get(ME).status_code == 200
    assert Integration.objects.get().suspended_reason is None
    actions = AuditEntry.objects.exclude(action="key.refused").order_by("id").values_list("actor_id", "after__status")
    assert list(actions) == [(staff.pk, "suspended"), (staff.pk, "active")]


def test_whoever_comes_after_a_deletion_finds_nothing(owner: User) -> None:
    integration = an_integration(owner)
    services.delete(integration=integration, actor=owner)
    for deed in (services.delete, services.regenerate, partial(services.update, changes={"name": "ERP"})):
        with pytest.raises(NotFound, match="Integration not found"):
            deed(integration=integration, actor=owner)


def test_an_owner_can_neither_suspend_nor_lift(owner: User) -> None:
    integration = an_integration(owner)
    with pytest.raises(StaffOnly):
        services.suspend(integration=integration, actor=owner, reason="")
    Integration.objects.update(status="suspended", suspended_reason="Leaked")
    with pytest.raises(StaffOnly):
        services.activate(integration=integration, actor=owner)
    row = Integration.objects.get()
    assert (row.status, row.suspended_reason) == ("suspended", "Leaked")


def test_staff_grant_scopes_reach_and_limits(owner: User, outsider: User, staff: User) -> None:
    integration = an_integration(owner, type="rta")
    assert integration.reachable_user_ids() == [owner.pk]
    changes = {"scopes": ["orders:read"], "acts_for": [outsider.pk], "rate_per_minute": 7, "rate_per_hour": 70}
    row = services.grant(integration=integration, actor=staff, changes=changes)
    assert row.reachable_user_ids() == [outsider.pk]
    body = key_of(integration).get(ME).json()
    assert (body["scopes"], body["rateLimits"]) == (["orders:read"], {"perMinute": 7, "perHour": 70})
    assert AuditEntry.objects.get().after["actsFor"] == [outsider.pk]


@pytest.mark.parametrize("changes", [{"scopes": ["everything"]}, {"acts_for": [2_000_000_000]}])
def test_a_grant_of_what_does_not_exist_is_refused(owner: User, staff: User, changes: dict[str, Any]) -> None:
    integration = an_integration(owner)
    with pytest.raises(BadRequest):
        services.grant(integration=integration, actor=staff, changes=changes)
    assert Integration.objects.get().scopes == integration.scopes


def test_nobody_grants_but_staff(owner: User) -> None:
    integration = an_integration(owner)
    with pytest.raises(StaffOnly):
        services.grant(integration=integration, actor=owner, changes={"scopes": ["payments:write"]})
    assert Integration.objects.get().scopes == integration.scopes


def test_nothing_of_an_integration_is_left_with_another_user(owner: User) -> None:
    integration, other = an_integration(owner), an_integration(a_user())
    assert list(Integration.objects.for_user(owner.pk)) == [integration]
    assert other not in Integration.objects.for_user(owner.pk)


@pytest.mark.parametrize(
    ("field", "value"),
    [("config_schema", {"type": "nonsense"}), ("scopes", ["everything"]), ("events", ["webhook.test"])],
)
def test_a_template_that_could_not_be_used_is_not_saved(field: str, value: Any) -> None:
    template = Template(id="x", type="custom", name="X", config_schema={"type": "object"})
    template.clean()
    setattr(template, field, value)
    with pytest.raises(ValidationError) as refused:
        template.clean()
    assert list(refused.value.message_dict) == [field]
