"""``Idempotency-Key``: a repeated POST gets the first one's reply, and the work is done once.

The record is written in the transaction of the work: if the work vanishes, so does the claim that it was done.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from bulk_orders.callers import identity_of
from bulk_orders.models import IdempotencyKey
from config.lib import exact_json
from config.lib.errors import BadRequest, Conflict, Unprocessable

HEADER: Final = "Idempotency-Key"
MAX_LENGTH = 255
KEPT_FOR = timedelta(hours=24)
KEPT_HEADERS: Final = ("Location",)
FORGOTTEN_AT_ONCE = 5_000


def once(request: Request, work: Callable[[], Response], body: Any = None) -> HttpResponseBase:
    """The reply of `work`, run in a transaction; or the stored reply, if this caller has sent this key before.

    `body` is what makes two requests the same where it is not `request.data`. Raises `Conflict` while the first is
    running, `Unprocessable` when the key came with another body. Refusals of `work` are not stored.
    """
    key = request.headers.get(HEADER)
    with transaction.atomic():
        if key is None:
            return work()
        caller = identity_of(request)
        _lock(caller, checked(key))
        fingerprint = request_hash(request, request.data if body is None else body)
        fresh = IdempotencyKey.objects.filter(caller=caller, key=key)
        fresh.filter(created_at__lte=timezone.now() - KEPT_FOR).delete()
        if stored := fresh.first():
            return replay(stored, fingerprint)
        reply = work()
        IdempotencyKey.objects.create(
            caller=caller,
            key=key,
            request_hash=fingerprint,
            status_code=reply.status_code,
            headers={name: reply[name] for name in KEPT_HEADERS if name in reply},
            body=exact_json.dumps(reply.data),
        )
        return reply


def checked(key: str) -> str:
    if not 0 < len(key) <= MAX_LENGTH or not key.isprintable():
        raise BadRequest(f"{HEADER} must have 1 to {MAX_LENGTH} printable characters", code="invalid_idempotency_key")
    return key


def request_hash(request: Request, body: Any) -> str:
    """Of the route, whichever way the version is spelt, and of the parsed body: spaces and order of keys may differ."""
    path = request.path.replace("/api/v1/", "/api/", 1).rstrip("/")
    # `repr` tells the number 5.0 from the text "5.0".
    text = json.dumps([request.method, path, body], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def replay(stored: IdempotencyKey, fingerprint: str) -> HttpResponse:
    if stored.request_hash != fingerprint:
        raise Unprocessable(f"{HEADER} was used with another request", code="idempotency_key_reused")
    headers = stored.headers | {"Idempotent-Replayed": "true"}
    return HttpResponse(bytes(stored.body), content_type="application/json", status=stored.status_code, headers=headers)


def forget_expired(*, now: datetime) -> int:
    """Delete expired keys, some thousand at a time so that no lock lasts; answers how many."""
    expired = IdempotencyKey.objects.filter(created_at__lte=now - KEPT_FOR).order_by("created_at")
    forgotten = 0
    while batch := list(expired.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]):
        forgotten += IdempotencyKey.objects.filter(pk__in=batch).delete()[0]
    return forgotten


def _lock(caller: str, key: str) -> None:
    """Taken without waiting: the concurrent twin is refused at once, not parked on a connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"{caller} {key}"])
        (locked,) = cursor.fetchone() or (False,)
    if not locked:
        raise Conflict("The first request with this key is still running", code="idempotency_in_progress")
