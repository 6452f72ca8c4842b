"""What can be done to webhooks and deliveries. The API, the console and other apps all come through here.

`actor` is who acts and `address` where from, for the audit log; None stands for the system.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from config.lib import audit, logs
from config.lib.announcements import announce
from config.lib.database import count_under_lock
from config.lib.encryption import Undecryptable
from config.lib.errors import BadRequest, Conflict, NotFound
from config.lib.exact_json import as_utc
from webhooks import backlog, nudge, outbox, queue
from webhooks.addresses import RefusedUrl, check_url, parse_networks
from webhooks.delivery import conclude, lease_seconds, outcome_of, request_of
from webhooks.events import EventName
from webhooks.models import Delivery, DeliveryStatus, Webhook
from webhooks.queue import Claimed
from webhooks.sender import sender
from webhooks.signing import InvalidSecret, generate_secret, signing_key
from webhooks.transport import Failure, Reply, Request, unsent

MAX_PER_USER: Final = 100
DEFAULT_GRACE_HOURS: Final = 24
# What a webhook that starts anew has behind it.
_NO_FAILURES: Final[Mapping[str, Any]] = {
    "failure_count": 0,
    "failed_in_a_row": 0,
    "failing_since": None,
    "disabled_at": None,
    "disabled_reason": None,
    "tell_owner_at": None,
}


class LimitReached(Conflict):
    """The user has as many webhooks as a user may have."""

    def __init__(self) -> None:
        super().__init__(f"A user may have at most {MAX_PER_USER} webhooks", code="limit_reached")


class ManagedByIntegration(Conflict):
    """The webhook follows its integration's URL and is changed there."""

    def __init__(self, integration_id: str) -> None:
        super().__init__(f"This webhook is managed by integration {integration_id}", code="managed_by_integration")


class AlreadyDelivered(Conflict):
    def __init__(self) -> None:
        super().__init__("The delivery has succeeded already; force=true sends it again", code="already_delivered")


class InFlight(Conflict):
    def __init__(self) -> None:
        super().__init__("The delivery is being sent right now", code="in_flight")


def create(
    *,
    user_id: int,
    url: str,
    events: Sequence[str],
    secret: str | None = None,
    actor: User | None = None,
    address: str | None = None,
    **options: Any,
) -> Webhook:
    """A new webhook; its secret, given or generated, is on the object returned. Raises BadRequest, LimitReached."""
    verify_url(url)
    _verify_secret(secret)
    with transaction.atomic():
        if count_under_lock("webhooks", user_id, condition="integration_id IS NULL") >= MAX_PER_USER:
            raise LimitReached
        webhook = Webhook(
            user_id=user_id, url=url, events=_known(events), secret=secret or generate_secret(), **options
        )
        webhook.save(force_insert=True)
        audit.record("webhook.created", target=webhook, actor=actor, address=address, after=_facts(webhook))
    return webhook


def update(
    *, webhook: Webhook, changes: Mapping[str, Any], actor: User | None = None, address: str | None = None
) -> Webhook:
    """Apply `changes` to the columns its owner may set. `active: True` starts anew and makes due what was held.

    Raises BadRequest, ManagedByIntegration.
    """
    if "url" in changes:
        verify_url(changes["url"])
    with transaction.atomic():
        row = _unmanaged(_locked(webhook))
        before = _facts(row)
        apply(row, changes, timezone.now())
        audit.record("webhook.updated", target=row, actor=actor, address=address, before=before, after=_facts(row))
    return row


def apply(row: Webhook, changes: Mapping[str, Any], now: datetime) -> None:
    """Write changes to a locked row, and to the queue what follows from them."""
    was_active, was_ordered = row.active, row.ordered
    known = {**changes, "events": _known(changes["events"])} if "events" in changes else dict(changes)
    if known.get("active"):
        known |= _NO_FAILURES
    for name, value in known.items():
        setattr(row, name, value)
    row.updated_at = now
    row.save(update_fields=[*known, "updated_at"])
    if row.ordered != was_ordered:
        queue.reorder(row.pk, ordered=row.ordered)
    if row.active and not was_active:
        queue.resume(row.pk, now=now)
        transaction.on_commit(nudge.ring, robust=True)
    if was_active and not row.active:
        queue.hold(row.pk)
    announce(row.pk)


def delete(*, webhook: Webhook, actor: User | None = None, address: str | None = None) -> None:
    """The webhook goes, and its deliveries with it. Raises ManagedByIntegration."""
    with transaction.atomic():
        row = _unmanaged(_locked(webhook, to_delete=True))
        audit.record("webhook.deleted", target=row, actor=actor, address=address, before=_facts(row))
        row.delete()
        announce(webhook.pk)


def rotate_secret(
    *,
    webhook: Webhook,
    grace_hours: int = DEFAULT_GRACE_HOURS,
    actor: User | None = None,
    address: str | None = None,
    now: datetime | None = None,
) -> Webhook:
    """A new secret, on the object returned; the old one signs, too, for `grace_hours`."""
    moment, secret = now or timezone.now(), generate_secret()
    with transaction.atomic():
        if webhook.integration_id:
            # First: whoever changes an integration holds its row, too, before that of its webhook.
            import_string(settings.WEBHOOKS_KEEP_MANAGED_SECRET)(integration_id=webhook.integration_id, secret=secret)
        row = _locked(webhook)
        row.previous_secret = row.secret if grace_hours else None
        row.previous_secret_until = moment + timedelta(hours=grace_hours) if grace_hours else None
        row.secret, row.updated_at = secret, moment
        row.save(update_fields=["secret", "previous_secret", "previous_secret_until", "updated_at"])
        after = {"graceHours": grace_hours}
        audit.record("webhook.secret_rotated", target=row, actor=actor, address=address, after=after)
    return row


def send_test(*, webhook: Webhook) -> Delivery:
    """Send `webhook.test` now, whatever the webhook subscribes to, and return the delivery as it ended. Raises Busy."""
    data = {"test": True, "timestamp": as_utc(timezone.now()), "webhookId": webhook.pk}
    with sender().place():
        with transaction.atomic():
            delivery_id = outbox.publish_to(_locked(webhook), EventName.WEBHOOK_TEST, data)
        return _attempt(delivery_id)


class Retried(NamedTuple):
    """A delivery after a retry; `refusal` says why no attempt was made, where none was."""

    delivery: Delivery
    refusal: str | None = None


def retry(*, delivery: Delivery, max_retries: int | None = None, force: bool = False) -> Retried:
    """Make one attempt now. With `max_retries`, only below that many attempts.

    Raises AlreadyDelivered, InFlight, Busy.
    """
    if delivery.status == DeliveryStatus.DELIVERED and not force:
        raise AlreadyDelivered
    if max_retries is not None and delivery.attempts >= max_retries:
        return _exhausted(delivery, max_retries)
    with sender().place():
        return Retried(_attempt(delivery.pk, force=force))


def _exhausted(delivery: Delivery, max_retries: int) -> Retried:
    error = f"Max retries ({max_retries}) exceeded"
    # Only what has failed says so: the schedule of the others goes on.
    Delivery.objects.filter(pk=delivery.pk, status=DeliveryStatus.FAILED).update(error=error)
    return Retried(_as_it_is(delivery.pk), refusal=error)


def _attempt(delivery_id: str, *, force: bool = False) -> Delivery:
    logs.bind(delivery_id=delivery_id)
    now = timezone.now()
    claimed = queue.claim_one(delivery_id, now=now, lease_seconds=lease_seconds(), force=force)
    if claimed is None:
        delivered = _as_it_is(delivery_id).status == DeliveryStatus.DELIVERED  # or it has gone
        raise AlreadyDelivered if delivered and not force else InFlight
    reply = _sent(claimed, now)
    ended = timezone.now()
    conclude([outcome_of(claimed, reply, ended)], ended)
    return _as_it_is(delivery_id)


def _as_it_is(delivery_id: str) -> Delivery:
    """The delivery now. Raises NotFound: its webhook may have been deleted while it was sent."""
    delivery = Delivery.objects.filter(pk=delivery_id).first()
    if delivery is None:
        raise NotFound("Delivery not found")
    return delivery


def _sent(claimed: Claimed, now: datetime) -> Reply:
    """Sent with no connection in hand: a process has as many as places, and an endpoint may take its time."""
    try:
        request = request_of(claimed, now)
    except Undecryptable as error:
        return unsent(Request(claimed, claimed.url, (), b""), Failure(str(error)))
    if not connection.in_atomic_block:
        connection.close()
    return sender().send(request)


def retry_failed(*, webhook: Webhook, max_retries: int | None = None) -> backlog.Requeued:
    """Make due every failed delivery (with fewer than `max_retries` attempts): each gets one more attempt."""
    with transaction.atomic():
        row = _locked(webhook)
        transaction.on_commit(nudge.ring, robust=True)
        announce(row.pk)
        return backlog.requeue_failed(row, max_retries=max_retries, now=timezone.now())


def retry_soon(*, delivery_ids: Sequence[str]) -> int:
    """Make chosen deliveries due now, for the workers: those that have failed or wait for their next attempt."""
    with transaction.atomic():
        transaction.on_commit(nudge.ring, robust=True)
        return backlog.requeue(delivery_ids, now=timezone.now())


def replay(
    *,
    webhook: Webhook,
    since: datetime,
    until: datetime | None = None,
    events: Sequence[str] | None = None,
    statuses: Sequence[str] | None = None,
    dry_run: bool = False,
) -> int:
    """Send the user's events of a span again, also those from before the webhook or while it was inactive.

    With `statuses`, only what has a delivery in one of them. Returns their number; `dry_run` only counts.
    """
    with transaction.atomic():
        row = _locked(webhook)
        selection = backlog.Selection(row, since, until or timezone.now(), _known(events or row.events), statuses)
        if dry_run:
            return backlog.count(selection, now=timezone.now())
        transaction.on_commit(nudge.ring, robust=True)
        announce(row.pk)
        return backlog.replay(selection, now=timezone.now())


def verify_url(url: str) -> None:
    """Raises BadRequest with what is wrong."""
    try:
        check_url(
            url,
            allowed=parse_networks(settings.WEBHOOKS_ALLOWED_NETWORKS),
            require_https=settings.WEBHOOKS_REQUIRE_HTTPS,
        )
    except RefusedUrl as error:
        raise _invalid("url", str(error)) from None


def _verify_secret(secret: str | None) -> None:
    try:
        signing_key(secret or generate_secret())
    except InvalidSecret as error:
        raise _invalid("secret", str(error)) from None


def _known(events: Sequence[str]) -> list[str]:
    """Each name once, in the order given."""
    return [EventName(name).value for name in dict.fromkeys(events)]


def _invalid(name: str, message: str) -> BadRequest:
    code = f"invalid_{name}"
    return BadRequest(message, code=code, details=[{"path": f"/{name}", "code": code, "message": message}])


def _unmanaged(row: Webhook) -> Webhook:
    if row.integration_id:
        raise ManagedByIntegration(row.integration_id)
    return row


def _locked(webhook: Webhook, *, to_delete: bool = False) -> Webhook:
    """Its row until the transaction ends. Raises NotFound: it may have been deleted since the caller read it."""
    # Whoever has published to it keeps its key until their transaction ends: only who deletes it has to wait for them.
    row = Webhook.objects.select_for_update(no_key=not to_delete).filter(pk=webhook.pk).first()
    if row is None:
        raise NotFound("Webhook not found")
    return row


def _facts(webhook: Webhook) -> dict[str, Any]:
    """What the audit log keeps of a webhook: no secret."""
    names = ("url", "events", "active", "description", "retry_schedule", "max_retries", "rate_limit", "ordered")
    return {name: getattr(webhook, name) for name in names}
