"""What Celery runs. The rows are the work: a task lost, doubled or late changes nothing but the moment."""

import mmap
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache

from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone

from config.lib.retention import delete_in_batches
from webhooks import nudge, queue
from webhooks.delivery import new_transport
from webhooks.engine import Engine
from webhooks.journal import own_journal
from webhooks.models import Webhook

SHIFT_SECONDS = 60
MAIL_AGAIN_AFTER = timedelta(minutes=10)
MAIL_GIVEN_UP_AFTER = timedelta(days=1)
# What retention leaves: an event that is still on its way to somebody.
UNDER_WAY = """EXISTS (SELECT FROM webhook_deliveries d
                      WHERE d.event_id = webhook_events.id AND d.next_retry_at IS NOT NULL)"""
DEEP_BACKLOG = 2000  # due deliveries: more than one process has in flight, several times over

# One byte shared with the pool, which forks later: the worker's main process tells an engine in a child to finish and
# go. No lock guards it, for a child that is killed while it holds one would stop all others.
_stopping = mmap.mmap(-1, 1)


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    _stopping[0] = 1


@cache
def engine() -> Engine:
    return Engine(new_transport(), journal=own_journal())


@shared_task
def deliver_due() -> None:
    """One shift of this process's engine. Whoever needs the next one rings again."""
    nudge.message_taken()
    _call_for_help()
    until = time.monotonic() + SHIFT_SECONDS
    with nudge.Doorbell() as bell:
        engine().run_shift(bell, leave=lambda idle: bool(_stopping[0]) or nudge.may_leave(idle, until))
    # Nobody counts on our listening any more: what was committed since our last look is for the next engine, which need
    # not wait for the slow ones that we have in flight.
    try:
        if queue.count_due(timezone.now(), most=1):
            nudge.ring()
    finally:
        engine().finish()


def carry_on(wanted: Callable[[], bool]) -> None:
    """Whatever is due, here and now, while `wanted`: for when no message can be sent."""
    engine().deliver_due(wanted)


@shared_task
def sweep() -> None:
    """Find what no nudge told of: expired leases, and whatever was committed while Valkey was away."""
    if queue.count_due(timezone.now(), most=1):
        nudge.ring()
    _call_for_help()


def _call_for_help() -> None:
    """A deep backlog calls one process more, which calls the next; each leaves as soon as it finds nothing to do."""
    if queue.count_due(timezone.now(), most=DEEP_BACKLOG) == DEEP_BACKLOG:
        nudge.start_engine()


@shared_task
def tell_owners() -> None:
    """Tell by e-mail that endpoints were disabled."""
    while webhook := _next_to_tell_of():
        if webhook.user.email:
            send_mail(
                "A webhook was disabled",
                f"Deliveries to {webhook.url} were stopped: {webhook.disabled_reason}.\n\n"
                f"What waits for it is kept. Correct the endpoint, then enable webhook {webhook.id} again.\n",
                settings.DEFAULT_FROM_EMAIL,
                [webhook.user.email],
            )
        Webhook.objects.filter(pk=webhook.pk, tell_owner_at=webhook.tell_owner_at).update(tell_owner_at=None)


@shared_task
def tell_owner(webhook_id: str) -> None:
    """What 1.0 sends, which leaves no other trace of it; for as long as its processes may run beside ours."""
    Webhook.objects.filter(pk=webhook_id, active=False).update(tell_owner_at=timezone.now())
    tell_owners()


@transaction.atomic
def _next_to_tell_of() -> Webhook | None:
    """Put off first: a mail that can't be sent is tried again later, and holds up no other."""
    now = timezone.now()
    # Without its secrets: that no key opens them may be why it was disabled.
    webhooks = Webhook.objects.select_related("user").defer("secret", "previous_secret")
    free = webhooks.select_for_update(skip_locked=True, no_key=True, of=("self",))
    waiting = free.filter(active=False, tell_owner_at__lte=now, disabled_at__gt=now - MAIL_GIVEN_UP_AFTER)
    webhook = waiting.order_by("tell_owner_at").first()
    if webhook:
        webhook.tell_owner_at = now + MAIL_AGAIN_AFTER
        webhook.save(update_fields=["tell_owner_at"])
    return webhook


@shared_task
def forget_former_secrets() -> None:
    """A secret whose grace is over signs nothing any more: it need not rest here either."""
    over = Webhook.objects.filter(previous_secret_until__lte=timezone.now())
    over.update(previous_secret=None, previous_secret_until=None)


@shared_task
def delete_old_events() -> None:
    """Retention: an event goes with its deliveries and their attempts, which are never older than it."""
    before = timezone.now() - timedelta(days=settings.WEBHOOK_RETENTION_DAYS)
    delete_in_batches("webhook_events", "created_at", before, unless=UNDER_WAY)
