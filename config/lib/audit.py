"""The append-only record of what people and partners did to credentials, statuses and permissions."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

from config.lib.database import LongNameIndex, TransactionTime
from config.lib.exact_json import ExactJSONField


class AuditEntry(models.Model):
    """One deed. No foreign keys: the record outlives what it speaks of. A trigger refuses UPDATE and DELETE."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=TransactionTime(), editable=False)
    actor_id = models.IntegerField(null=True, blank=True)
    actor = models.TextField(help_text="User name, or the system's part that acted.")
    address = models.TextField(null=True, blank=True)
    action = models.TextField(help_text="noun.verb, e.g. integration.suspended")
    target_type = models.TextField()
    target_id = models.TextField()
    before = ExactJSONField(null=True, blank=True)
    after = ExactJSONField(null=True, blank=True)
    reason = models.TextField(null=True, blank=True)

    class Meta:
        app_label = "kernel"
        db_table = "audit_log"
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [
            LongNameIndex(fields=["-at", "-id"], name="idx_audit_log_at"),  # the list
            LongNameIndex(fields=["target_type", "target_id", "-id"], name="idx_audit_log_target"),  # of one thing
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target_id}"


def record(
    action: str,
    *,
    target: models.Model,
    actor: AbstractBaseUser | AnonymousUser | None,
    address: str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Write down a deed, in the transaction of the deed. Never pass a secret: name the field, mask the value."""
    AuditEntry.objects.create(
        action=action,
        actor_id=getattr(actor, "pk", None),
        actor=actor.get_username() if actor is not None and actor.is_authenticated else "system",
        address=address,
        target_type=target._meta.model_name or "",
        target_id=str(target.pk),
        before=before,
        after=after,
        reason=reason,
    )
