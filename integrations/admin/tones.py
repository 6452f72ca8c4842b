"""How statuses of this app look."""

from datetime import datetime

from django.utils.safestring import SafeString

from config.lib.console.marks import Tone, badge
from integrations.models import Integration, IntegrationStatus

STATUS_TONES = {
    IntegrationStatus.PENDING: Tone.ATTENTION,
    IntegrationStatus.ACTIVE: Tone.GOOD,
    IntegrationStatus.INACTIVE: Tone.QUIET,
    IntegrationStatus.SUSPENDED: Tone.BAD,
}


def status_badge(integration: Integration, now: datetime) -> SafeString:
    if integration.status == IntegrationStatus.ACTIVE and integration.expires_at and integration.expires_at <= now:
        return badge("expired", Tone.BAD, "It is active, but its key has expired")
    tone = STATUS_TONES[IntegrationStatus(integration.status)]
    return badge(integration.status, tone, integration.suspended_reason or "")


def code_badge(code: int) -> SafeString:
    """The HTTP status of a reply of ours."""
    if code >= 500:
        return badge(str(code), Tone.BAD)
    return badge(str(code), Tone.ATTENTION if code >= 400 else Tone.GOOD)
