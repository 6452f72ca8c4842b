"""The append-only record of what people and partners did to credentials, statuses and permissions."""

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core import checks
from django.db import DatabaseError, models
from redis import RedisError

from config.lib import rate_limits
from config.lib.database import LongNameIndex, TransactionTime
from config.lib.exact_json import ExactJSONField, storable_text
from config.lib.rate_limits import Place, Window

logger = logging.getLogger(__name__)

RETENTION_FLAG = "gateway.audit_retention"
SYSTEM = "system"
# A flood of refusals leaves a trace, and not a flood of entries: one a minute of each kind, and so many in all.
ONE_OF_A_KIND = Window("audit", 1, 60)
OF_ALL_KINDS = Window("audit", 300, 60)
TEXT_MAX = 200
RETENTION_MIN_DAYS = 365  # the trigger's own


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
            LongNameIndex(fields=["actor", "-at", "-id"], name="idx_audit_log_actor"),  # what somebody has done
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target_id}"


def record(
    action: str,
    *,
    target: models.Model | tuple[str, str],
    actor: AbstractBaseUser | AnonymousUser | None,
    address: str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Write down a deed, in the transaction of the deed. Never pass a secret: name the field, mask the value.

    `target` is a record, or kind and name of what has none.
    """
    kind, key = target if isinstance(target, tuple) else (target._meta.model_name or "", str(target.pk))
    AuditEntry.objects.create(
        action=action,
        actor_id=getattr(actor, "pk", None),
        actor=actor.get_username() if actor is not None and actor.is_authenticated else SYSTEM,
        address=address,
        target_type=kind,
        target_id=key,
        before=before,
        after=after,
        reason=reason,
    )


def record_refusal(action: str, *, target: tuple[str, str], address: str, reason: str) -> None:
    """Write down that somebody was turned away: the first in a minute of this kind, from this address.

    What cannot be counted or written is left to the log of the process: a refusal must not fail for its record.
    """
    kind, key = target[0], storable_text(target[1])[:TEXT_MAX]
    try:
        if _is_first(f"{action} {kind} {key} {address} {reason}"):
            record(action, target=(kind, key), actor=None, address=address, reason=reason)
    except (RedisError, DatabaseError) as error:
        logger.warning("refusal_unrecorded action=%s reason=%s", action, reason, exc_info=error)


def _is_first(kind: str) -> bool:
    return rate_limits.ask([Place(f"audit:{kind}", ONE_OF_A_KIND), Place("audit:all", OF_ALL_KINDS)]).allowed


@checks.register(checks.Tags.security)
def check_retention(**_: object) -> list[checks.CheckMessage]:
    """kernel.E003: the database would refuse to delete what is younger, day after day."""
    if settings.AUDIT_RETENTION_DAYS >= RETENTION_MIN_DAYS:
        return []
    return [checks.Error(f"AUDIT_RETENTION_DAYS must be at least {RETENTION_MIN_DAYS}", id="kernel.E003")]
