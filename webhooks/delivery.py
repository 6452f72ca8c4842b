"""One attempt of one delivery: the request that is sent, and what follows from the reply."""

import logging
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.db import DataError, transaction

from config.lib.announcements import announce
from config.lib.encryption import decrypt
from config.lib.exact_json import dumps, storable_text
from config.lib.logs import HIDDEN
from webhooks import metrics, queue
from webhooks.addresses import parse_networks
from webhooks.disabling import disable
from webhooks.events import EventName
from webhooks.models import DeliveryStatus
from webhooks.queue import Claimed, Outcome
from webhooks.retries import DEFAULT_ATTEMPTS, Schedule, parse_retry_after, retry_delay
from webhooks.signing import signature_headers
from webhooks.transport import Reply, Request, Transport

USER_AGENT = "PartnerGateway-Webhooks/1.0"
GONE = 410
OBEYS_RETRY_AFTER = (429, 503)
ERROR_BODY_CHARACTERS = 200
# Between the last moment a reply may come and the next worker's turn: time to record it.
LEASE_MARGIN_SECONDS = 10

logger = logging.getLogger(__name__)

# Secrets rest encrypted; a token opened once in a process is not opened again for every delivery.
_opened = lru_cache(maxsize=4096)(decrypt)


def new_transport() -> Transport:
    return Transport(
        timeout=settings.WEBHOOK_TIMEOUT_SECONDS, allowed=parse_networks(settings.WEBHOOKS_ALLOWED_NETWORKS)
    )


def lease_seconds() -> float:
    """How long a claimed delivery is ours: a dead worker's deliveries wait this long for the next."""
    return settings.WEBHOOK_TIMEOUT_SECONDS + LEASE_MARGIN_SECONDS


def request_of(claimed: Claimed, now: datetime) -> Request:
    """Signed at `now`. Raises Undecryptable where no key opens the secret."""
    former = claimed.former_secret
    signers = [_opened(claimed.secret), _opened(former)] if former else [_opened(claimed.secret)]
    signatures = signature_headers(signers, claimed.event_id, int(now.timestamp()), claimed.body)
    headers = [
        "Content-Type: application/json",
        f"User-Agent: {USER_AGENT}",
        f"X-Webhook-Event: {claimed.event}",
        f"X-Webhook-Id: {claimed.webhook_id}",
        "Expect:",
        *(f"{name}: {value}" for name, value in signatures.items()),
        *([f"X-Request-Id: {claimed.request_id}"] if claimed.request_id else []),
    ]
    return Request(claimed, claimed.url, headers, claimed.body)


def outcome_of(claimed: Claimed, reply: Reply, now: datetime) -> Outcome:
    """What one attempt means for its delivery."""
    status, next_retry_at = _verdict(claimed, reply, now)
    _log(claimed, reply, status)
    body = storable_text(reply.body.decode(errors="replace")) if reply.code else None
    return Outcome(
        id=claimed.id,
        lease=claimed.lease,
        webhook_id=claimed.webhook_id,
        at=now,
        ok=reply.ok,
        gone=reply.code == GONE,
        status=status,
        next_retry_at=next_retry_at,
        code=reply.code,
        body=body,
        error=_error(reply, body),
        duration_ms=reply.duration_ms,
        truncated=reply.truncated,
        headers=storable_text(dumps(_shown(reply.headers)).decode()),
        timings=dumps(reply.timings).decode(),
        remote_ip=reply.remote_ip,
    )


def _log(claimed: Claimed, reply: Reply, status: str) -> None:
    """An engine works for many requests at once: the line bears the id of its own."""
    level = logging.WARNING if status == DeliveryStatus.FAILED else logging.DEBUG
    if logger.isEnabledFor(level):
        told = {
            "delivery_id": claimed.id,
            "webhook_id": claimed.webhook_id,
            "request_id": claimed.request_id,
            "status": status,
            "attempts": claimed.attempts + 1,
            "response_code": reply.code,
            "reason": reply.failure and reply.failure.sentence,
            "ms": reply.duration_ms,
        }
        logger.log(level, "webhook_attempt", extra=told)


def conclude(outcomes: Sequence[Outcome], now: datetime) -> None:
    """Record attempts; an endpoint that has failed once too often is disabled in the same transaction.

    A reply that PostgreSQL refuses to store costs the others nothing, and its own delivery only the reply's text.
    """
    try:
        _conclude(outcomes, now)
    except DataError:
        for outcome in outcomes:
            _conclude_alone(outcome, now)


def _conclude_alone(outcome: Outcome, now: datetime) -> None:
    try:
        _conclude([outcome], now)
    except DataError:
        logger.exception("webhook_reply_not_stored", extra={"delivery_id": outcome.id})
        _conclude([outcome._replace(headers="{}", body=None, error="The reply could not be stored")], now)


def _conclude(outcomes: Sequence[Outcome], now: datetime) -> None:
    patience = queue.Patience(
        settings.WEBHOOK_DISABLE_AFTER_FAILED,
        settings.WEBHOOK_DISABLE_MIN_MINUTES,
        settings.WEBHOOK_DISABLE_AFTER_HOURS,
    )
    with transaction.atomic():
        for webhook_id, reason in sorted(queue.record(outcomes, now=now, patience=patience)):
            disable(webhook_id=webhook_id, reason=reason, now=now)
        announce(*{outcome.webhook_id for outcome in outcomes})
    metrics.attempted(outcomes)


def max_attempts(schedule: str, max_retries: int | None) -> int:
    """How often a delivery is tried in all, where its webhook does not say."""
    if max_retries is not None:
        return max_retries
    return settings.WEBHOOK_MAX_RETRIES if schedule == Schedule.EXPONENTIAL else DEFAULT_ATTEMPTS[Schedule(schedule)]


def _verdict(claimed: Claimed, reply: Reply, now: datetime) -> tuple[str, datetime | None]:
    if reply.ok:
        return DeliveryStatus.DELIVERED, None
    attempts = claimed.attempts + 1
    hopeless = reply.code == GONE or (reply.failure is not None and reply.failure.permanent)
    if hopeless or claimed.event == EventName.WEBHOOK_TEST:
        return DeliveryStatus.FAILED, None
    if attempts >= max_attempts(claimed.schedule, claimed.max_retries):
        return DeliveryStatus.FAILED, None
    return DeliveryStatus.RETRYING, now + timedelta(seconds=_delay(claimed.schedule, attempts, reply, now))


def _delay(schedule: str, attempts: int, reply: Reply, now: datetime) -> float:
    asked = parse_retry_after(reply.headers.get("retry-after"), now) if reply.code in OBEYS_RETRY_AFTER else 0
    return retry_delay(
        schedule,
        attempts,
        chance=random.random(),  # noqa: S311  # spreads load, guards nothing
        retry_after=asked,
        base=settings.WEBHOOK_RETRY_BASE_SECONDS,
        cap=settings.WEBHOOK_RETRY_MAX_SECONDS,
    )


def _shown(headers: dict[str, str]) -> dict[str, str]:
    """A cookie that an endpoint sets is a way into it: nobody who reads the log needs that."""
    return headers | {"set-cookie": HIDDEN} if "set-cookie" in headers else headers


def _error(reply: Reply, body: str | None) -> str | None:
    if reply.ok:
        return None
    if reply.failure:
        return storable_text(reply.failure.sentence)
    start = (body or "")[:ERROR_BODY_CHARACTERS].strip()
    return f"HTTP {reply.code}: {start}" if start else f"HTTP {reply.code}"
