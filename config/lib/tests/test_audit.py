"""The audit log: added to and read, nothing else, until an entry is too old to keep; a flood leaves a trace only."""

import time
from datetime import timedelta

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import AnonymousUser, User
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from config.lib import audit, rate_limits
from config.lib.audit import AuditEntry, check_retention, record, record_refusal
from config.lib.tasks import delete_old_audit_entries
from config.lib.valkey import client

ADDRESS = "203.0.113.7"


def an_entry(days_old: int = 0) -> AuditEntry:
    return AuditEntry.objects.create(
        at=timezone.now() - timedelta(days=days_old), actor="system", action="x.done", target_type="x", target_id="1"
    )


def refused(statement: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError as error:
        return "append-only" in str(error)
    return False


def test_names_who_did_what_to_what(db: None) -> None:
    user = User.objects.create(username="asha")
    record("user.changed", target=user, actor=user, address=ADDRESS, before={"a": 1}, after={"a": 2}, reason="asked")
    record("key_ring.rotated", target=("key_ring", "fields"), actor=AnonymousUser())
    first, second = AuditEntry.objects.order_by("id")
    assert (first.actor_id, first.actor, first.address, first.reason) == (user.pk, "asha", ADDRESS, "asked")
    assert (first.target_type, first.target_id, first.before, first.after) == ("user", str(user.pk), {"a": 1}, {"a": 2})
    assert (second.actor, second.target_type, second.target_id) == ("system", "key_ring", "fields")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "SET LOCAL gateway.audit_retention = 'on'; DELETE FROM audit_log",
        "SET LOCAL gateway.audit_retention = 'on'; UPDATE audit_log SET actor = 'nobody'",
        "ALTER TABLE audit_log ENABLE TRIGGER audit_log_no_truncate; TRUNCATE audit_log",
        (
            "ALTER TABLE audit_log ENABLE TRIGGER audit_log_no_truncate;"
            " SET LOCAL gateway.audit_retention = 'on'; TRUNCATE audit_log"
        ),
    ],
)
def test_the_database_refuses_to_change_or_lose_an_entry(db: None, statement: str) -> None:
    an_entry()
    assert refused(statement)
    assert AuditEntry.objects.get().actor == "system"


def test_an_old_entry_is_refused_without_the_flag_too(db: None) -> None:
    an_entry(days_old=4000)
    assert refused("DELETE FROM audit_log")
    assert AuditEntry.objects.count() == 1


def test_retention_deletes_what_is_past_its_period_alone(transactional_db: None) -> None:
    young, old = an_entry(), an_entry(days_old=configured.AUDIT_RETENTION_DAYS + 1)
    delete_old_audit_entries()
    assert list(AuditEntry.objects.values_list("pk", flat=True)) == [young.pk]
    assert old.pk != young.pk
    assert refused("DELETE FROM audit_log")


def test_a_retention_below_the_floor_is_a_configuration_error(settings: object) -> None:
    settings.AUDIT_RETENTION_DAYS = 364  # type: ignore[attr-defined]
    assert [error.id for error in check_retention()] == ["kernel.E003"]
    settings.AUDIT_RETENTION_DAYS = 365  # type: ignore[attr-defined]
    assert check_retention() == []


def test_a_flood_of_one_kind_leaves_one_entry_a_minute(db: None) -> None:
    client().flushdb()
    for reason in ["Wrong secret"] * 20 + ["Key has expired"] * 20:
        record_refusal("key.refused", target=("integration", "int_1"), address=ADDRESS, reason=reason)
    record_refusal("key.refused", target=("integration", "int_1"), address="203.0.113.8", reason="Wrong secret")
    assert AuditEntry.objects.count() == 3


def test_a_flood_of_all_kinds_is_bounded_too(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    client().flushdb()
    monkeypatch.setattr(audit, "OF_ALL_KINDS", audit.OF_ALL_KINDS._replace(limit=5))
    for number in range(20):
        target = ("user", f"name\x00 {number}" * 100)
        record_refusal("user.login_refused", target=target, address=ADDRESS, reason="Wrong name or password")
    entries = list(AuditEntry.objects.all())
    assert len(entries) == 5
    assert all(len(entry.target_id) == 200 for entry in entries)


def test_without_valkey_a_refusal_goes_on_unrecorded(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits.Silence, "until", time.monotonic() + 60)
    record_refusal("key.refused", target=("integration", "int_1"), address=ADDRESS, reason="Wrong secret")
    assert not AuditEntry.objects.exists()
