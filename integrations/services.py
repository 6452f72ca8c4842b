"""What can be done to an integration. Each service is one transaction, guards its rules, and leaves an audit entry.

`actor` is who acts (an owner through the API, staff in the console); `address` is where from, for the audit log.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from redis import RedisError

from config.lib import audit, exact_json
from config.lib.database import count_under_lock
from config.lib.errors import BadRequest, Conflict, Forbidden, NotFound, Unavailable
from integrations import configuration, lockout, scopes
from integrations.catalogue import DEFAULT_EVENTS
from integrations.credentials import new_api_key, new_api_secret
from integrations.lockout import Lockout
from integrations.models import Integration, IntegrationStatus, Template
from webhooks import managed
from webhooks.addresses import RefusedUrl, check_url, parse_networks
from webhooks.signing import generate_secret

MAX_PER_USER = 100
MAX_GRACE_HOURS = 168
CREDENTIALS: Final = ("api_key", "api_secret", "previous_api_key", "previous_api_secret", "previous_valid_until")
_FORMER_USE: Final = {"previous_used_at": None, "previous_used_from": None}
# Fields of the wire that nobody but staff may change, and that only in the console.
STAFF_FIELDS: Final = frozenset({"scopes", "actsFor", "rateLimits"})


class InvalidConfig(BadRequest):
    """The config does not follow its template's schema."""

    def __init__(self, problems: list[dict[str, str]]) -> None:
        messages = [problem["message"] for problem in problems]
        super().__init__(messages[0] if len(messages) == 1 else None, errors=messages, details=problems)


class StaffOnly(Forbidden):
    """A move that needs the trust of staff; `code` says which."""


def create(
    *,
    user: User,
    name: str,
    kind: str,
    config: Mapping[str, Any] | None = None,
    webhook_url: str | None = None,
    template: Template | None = None,
    address: str | None = None,
    **options: Any,
) -> Integration:
    """A pending integration with a fresh key pair. Its secrets are on the object returned, to be shown once.

    Raises BadRequest, InvalidConfig, Conflict ``limit_reached``.
    """
    check_webhook_url(webhook_url)
    integration = Integration(user=user, name=name, type=kind, template=template, webhook_url=webhook_url, **options)
    integration.config = _checked_config({}, config or {}, template)
    integration.scopes = list(template.scopes if template else scopes.DEFAULTS[kind])
    integration.api_key, integration.api_secret = new_api_key(), new_api_secret()
    integration.webhook_secret = generate_secret() if webhook_url else None
    with transaction.atomic():
        if count_under_lock("integrations", user.pk) >= MAX_PER_USER:
            raise Conflict(f"A user may have at most {MAX_PER_USER} integrations", code="limit_reached")
        integration.save(force_insert=True)
        if webhook_url:
            _keep_webhook(integration)
        audit.record("integration.created", target=integration, actor=user, address=address, after=_facts(integration))
    return integration


def update(
    *, integration: Integration, actor: User, changes: Mapping[str, Any], address: str | None = None
) -> Integration:
    """Apply `changes` (columns of an integration that its owner may set). Config merges; a new URL gets a new secret.

    Raises BadRequest, InvalidConfig, StaffOnly.
    """
    check_webhook_url(changes.get("webhook_url"))
    with transaction.atomic():
        row = _locked(integration)
        before = _facts(row)
        _apply(row, changes, actor)
        row.updated_at = timezone.now()
        row.save(update_fields=[*changes, "webhook_secret", "suspended_reason", "updated_at"])
        _keep_webhook(row)
        facts: dict[str, Any] = {"before": before, "after": _facts(row), "reason": changes.get("suspended_reason")}
        audit.record(_deed(before["status"], row.status), target=row, actor=actor, address=address, **facts)
    return row


def _deed(before: str, after: str) -> str:
    """What auditors call a change: by the status that it leads to, where that is another one."""
    names = {IntegrationStatus.SUSPENDED: "suspended", IntegrationStatus.ACTIVE: "activated"}
    changed = names.get(IntegrationStatus(after)) if after != before else None
    return f"integration.{changed or 'updated'}"


def regenerate(
    *,
    integration: Integration,
    actor: User,
    grace_hours: int = 0,
    address: str | None = None,
    now: datetime | None = None,
) -> Integration:
    """A new key pair. The old one dies at once, or serves on for `grace_hours` (0 to 168)."""
    now = now or timezone.now()
    with transaction.atomic():
        row = _locked(integration, whole=True)
        old = (row.api_key, row.api_secret, now + timedelta(hours=grace_hours)) if grace_hours else (None, None, None)
        row.previous_api_key, row.previous_api_secret, row.previous_valid_until = old
        row.previous_used_at = row.previous_used_from = None
        before = {"apiKey": row.api_key}
        row.api_key, row.api_secret, row.updated_at = new_api_key(), new_api_secret(), now
        row.save(update_fields=[*CREDENTIALS, *_FORMER_USE, "updated_at"])
        after = {"apiKey": row.api_key, "graceHours": grace_hours}
        audit.record("integration.regenerated", target=row, actor=actor, address=address, before=before, after=after)
    return row


def delete(*, integration: Integration, actor: User, address: str | None = None) -> None:
    """The integration goes, and its usage log and managed webhook with it."""
    with transaction.atomic():
        row = _locked(integration, whole=True)
        audit.record("integration.deleted", target=row, actor=actor, address=address, before=_facts(row))
        row.delete()


def suspend(*, integration: Integration, actor: User, reason: str, address: str | None = None) -> Integration:
    """Staff close an integration until staff open it again; its key stops working with the next call."""
    changes = {"status": IntegrationStatus.SUSPENDED, "suspended_reason": reason}
    return update(integration=integration, actor=actor, changes=changes, address=address)


def activate(*, integration: Integration, actor: User, address: str | None = None) -> Integration:
    """Open an integration; lifts a suspension where staff do it."""
    changes = {"status": IntegrationStatus.ACTIVE}
    return update(integration=integration, actor=actor, changes=changes, address=address)


def grant(
    *, integration: Integration, actor: User, changes: Mapping[str, Any], address: str | None = None
) -> Integration:
    """Staff decide what a key may do and how often: any of scopes, acts_for, rate_per_minute, rate_per_hour.

    `acts_for` lists the users whose orders privileged scopes reach; none means the owner alone. Raises StaffOnly,
    BadRequest.
    """
    if not actor.is_staff:
        raise StaffOnly("Only staff may change what an integration may do", code="change_requires_staff")
    unknown = sorted(set(changes.get("scopes", ())).difference(scopes.ALL))
    if unknown:
        raise BadRequest(f"Unknown scopes: {', '.join(unknown)}", code="unknown_scope")
    wanted = set(changes.get("acts_for") or ())
    missing = sorted(wanted.difference(User.objects.filter(pk__in=wanted).values_list("pk", flat=True)))
    if missing:
        raise BadRequest(f"Unknown users: {', '.join(map(str, missing))}", code="unknown_user")
    return update(integration=integration, actor=actor, changes=changes, address=address)


def lockouts_of(integration: Integration) -> list[Lockout]:
    """From where its keys are locked out now, the former one in its grace, too."""
    return [found for key in _keys(integration) for found in lockout.lockouts_of(key)]


def lift_lockouts(*, integration: Integration, actor: User, reason: str, address: str | None = None) -> int:
    """Let guessers try again, and the partner, who shares an address with them: returns from how many addresses.

    Raises Unavailable.
    """
    found = lockouts_of(integration)
    before = {"lockedOutFrom": [each.address for each in found]}
    with transaction.atomic():
        action = "integration.lockouts_lifted"
        audit.record(action, target=integration, actor=actor, address=address, before=before, reason=reason)
        try:
            for key in _keys(integration):
                lockout.lift(key)
        except RedisError:
            raise Unavailable("Valkey does not answer: nothing is locked out meanwhile") from None
    return len(found)


def forget_replaced(*, now: datetime) -> int:
    """Erase the old key pairs whose grace is over; returns how many."""
    over = Integration.objects.filter(previous_valid_until__lte=now)
    return over.update(previous_api_key=None, previous_api_secret=None, previous_valid_until=None, **_FORMER_USE)


def check_webhook_url(url: str | None) -> None:
    """Refuse what may never be called; may take a second for the name server, so not in a transaction."""
    if url is None:
        return
    allowed = parse_networks(settings.WEBHOOKS_ALLOWED_NETWORKS)
    try:
        check_url(url, allowed=allowed, require_https=settings.WEBHOOKS_REQUIRE_HTTPS)
    except RefusedUrl as error:
        detail = {"path": "/webhookUrl", "code": "invalid_url", "message": str(error)}
        raise BadRequest(str(error), details=[detail]) from None


def refuse_staff_fields(names: Collection[str]) -> None:
    """Say no to an owner who sends what only staff may change; passing over it would look like a yes."""
    refused = sorted(STAFF_FIELDS.intersection(names))
    if refused:
        raise StaffOnly(f"Only staff may change {', '.join(refused)}", code="change_requires_staff")


def _apply(row: Integration, changes: Mapping[str, Any], actor: User) -> None:
    if "status" in changes:
        _check_move(row, changes["status"], actor)
    if "config" in changes:
        changes = {**changes, "config": _checked_config(row.config or {}, changes["config"] or {}, row.template)}
    for name, value in changes.items():
        setattr(row, name, value)
    if not row.is_suspended:
        row.suspended_reason = None
    if row.webhook_url is None:
        row.webhook_secret = None
    elif row.webhook_secret is None:
        row.webhook_secret = generate_secret()


def _check_move(row: Integration, status: str, actor: User) -> None:
    """Who may take an integration from its status to another."""
    if status == row.status or actor.is_staff:
        return
    if IntegrationStatus.SUSPENDED in (row.status, status):
        raise StaffOnly("Only staff may suspend an integration or lift a suspension", code="suspension_requires_staff")
    if status == IntegrationStatus.ACTIVE and scopes.holds_privilege(row.scopes):
        message = "This integration holds a privileged scope: only staff may activate it"
        raise StaffOnly(message, code="activation_requires_staff")


def _checked_config(config: Mapping[str, Any], changes: Mapping[str, Any], template: Template | None) -> dict[str, Any]:
    result = configuration.merged(config, changes)
    if len(exact_json.dumps(result)) > configuration.MAX_BYTES:
        problem = {"path": "/config", "code": "too_large", "message": "config may have at most 64 KiB"}
        raise InvalidConfig([problem])
    problems = configuration.problems(result, template.config_schema) if template else []
    if problems:
        raise InvalidConfig(problems)
    return result


def _keys(integration: Integration) -> list[str]:
    return [key for key in (integration.api_key, integration.previous_api_key) if key]


def keep_webhook_secret(*, integration_id: str, secret: str) -> None:
    """The managed webhook's secret was rotated; called in that transaction."""
    Integration.objects.filter(pk=integration_id).update(webhook_secret=secret, updated_at=timezone.now())


def _locked(integration: Integration, *, whole: bool = False) -> Integration:
    """Its row until the transaction ends. Raises NotFound: it may have been deleted since the caller read it."""
    # Every call that is logged holds the row's key for a moment. Only who deletes the row, or changes a unique column,
    # waits for those: their UPDATE would, and a lock that is asked for in two steps is how deadlocks begin.
    rows = Integration.objects.select_for_update(of=("self",), no_key=not whole).select_related("template")
    row = rows.filter(pk=integration.pk).first()
    if row is None:
        raise NotFound("Integration not found")
    return row


def _keep_webhook(integration: Integration) -> None:
    """The integration's columns are the truth; its managed webhook follows them."""
    template = integration.template
    managed.keep_managed(
        integration_id=integration.pk,
        user_id=integration.user_id,
        url=integration.webhook_url,
        secret=integration.webhook_secret,
        events=list(template.events if template else DEFAULT_EVENTS[integration.type]),
        active=integration.status == IntegrationStatus.ACTIVE,
    )


def _facts(integration: Integration) -> dict[str, Any]:
    """What the audit log keeps of an integration: no secret, and its config with the secrets masked."""
    template = integration.template
    return {
        "type": integration.type,
        "name": integration.name,
        "status": integration.status,
        "webhookUrl": integration.webhook_url,
        "scopes": integration.scopes,
        "actsFor": integration.acts_for,
        "ratePerMinute": integration.rate_per_minute,
        "ratePerHour": integration.rate_per_hour,
        "allowedNetworks": integration.allowed_networks,
        "expiresAt": integration.expires_at,
        "requireSignature": integration.require_signature,
        "suspendedReason": integration.suspended_reason,
        "config": configuration.masked(integration.config or {}, template.config_schema if template else None),
    }
