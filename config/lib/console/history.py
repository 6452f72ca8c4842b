"""What has been done to a record, from the audit log, for who may read that."""

from django.contrib.auth.models import User
from django.db import models
from django.http import HttpRequest

from config.lib.audit import AuditEntry
from config.lib.console import marks
from config.lib.console.records import Panel, table

SHOWN = 10


def deeds_done(request: HttpRequest, obj: models.Model) -> Panel | None:
    user = request.user
    if not (isinstance(user, User) and user.has_perm("kernel.view_auditentry")):
        return None
    name, key = str(obj._meta.model_name), str(obj.pk)
    entries = AuditEntry.objects.filter(target_type=name, target_id=key).order_by("-id")[:SHOWN]
    rows = [
        (
            marks.when(entry.at),
            marks.code(entry.action),
            marks.clipped(entry.actor),
            entry.address,
            marks.clipped(entry.reason, 500),
        )
        for entry in entries
    ]
    if not rows:
        return None
    everything = marks.list_url(AuditEntry, q=key)
    return table(
        "Audit",
        ("At", "Deed", "By", "From", "Reason"),
        rows,
        empty="",
        link=(everything, "All entries"),
        note=f"The last {SHOWN} deeds of people and systems",
    )
