"""Telling the world that something happened, in the transaction that makes it happen.

`publish` writes the event and a delivery for every endpoint that wants it. What is rolled back tells nobody, and what
is committed will be sent whatever dies next: the delivery rows are the queue. Only services and engines call this.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from config.lib import logs
from config.lib.announcements import announce
from config.lib.exact_json import as_utc, dumps
from config.lib.ids import new_ids, now_ms
from config.lib.postgresql.statements import execute
from webhooks import nudge
from webhooks.models import Delivery, DeliveryStatus, Event, Webhook


class NewEvent(NamedTuple):
    """`user_id`: whose order or batch it is, hence whose webhooks hear of it. `name`: an EventName."""

    user_id: int
    name: str
    data: Mapping[str, Any]


# Events and deliveries in one statement: the data travel to the database once, and are copied there.
_PUBLISH = """
WITH new AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::text[], %(users)b::int[], %(names)b::text[], %(data)b::text[], %(bodies)b::bytea[])
    WITH ORDINALITY AS new (id, user_id, name, data, body, position)
), event AS (
  INSERT INTO webhook_events (id, user_id, name, data, body, created_at, request_id)
  SELECT id, user_id, name, data::jsonb, body, %(now)s, %(request_id)s FROM new
), delivery AS (
  INSERT INTO webhook_deliveries (id, webhook_id, event, payload, status, next_retry_at, created_at, event_id, lane)
  SELECT %(id_head)s || right(replace(gen_random_uuid()::text, '-', ''), 16), webhook.id, new.name, new.data::jsonb,
         'pending', %(now)s, %(now)s, new.id, CASE WHEN webhook.ordered THEN 3 ELSE 0 END
  FROM new
  JOIN webhooks webhook ON webhook.user_id = new.user_id AND webhook.active AND new.name = ANY (webhook.events)
  ORDER BY new.position, webhook.id
  RETURNING webhook_id
)
SELECT DISTINCT webhook_id FROM delivery
"""


def publish(*, user_id: int, name: str, data: Mapping[str, Any], now: datetime | None = None) -> str:
    """Record one event and return its id. Must be called inside a transaction."""
    return publish_many([NewEvent(user_id, name, data)], now=now)[0]


def publish_many(events: Sequence[NewEvent], *, now: datetime | None = None) -> list[str]:
    """Record events, in this order, and return their ids: one statement, however many events and endpoints."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An event belongs in the transaction of what it tells of")
    if not events:
        return []
    moment = now or timezone.now()
    ids = new_ids("evt", len(events))
    data = [dumps(event.data) for event in events]
    parameters = {
        "ids": ids,
        "users": [event.user_id for event in events],
        "names": [str(event.name) for event in events],
        "data": [text.decode() for text in data],
        "bodies": [body(id_, event.name, text, moment) for id_, event, text in zip(ids, events, data, strict=True)],
        "now": moment,
        "request_id": logs.request_id(),
        "id_head": f"del_{now_ms()}_",
    }
    endpoints = [webhook_id for (webhook_id,) in execute(_PUBLISH, parameters)]
    if endpoints and not any(function is nudge.ring for _, function, *_ in connection.run_on_commit):
        transaction.on_commit(nudge.ring, robust=True)
    announce(*endpoints)
    return ids


def publish_to(webhook: Webhook, name: str, data: Mapping[str, Any]) -> str:
    """Record an event for one endpoint alone and return its delivery's id. It is not due: the caller sends it."""
    now = timezone.now()
    with transaction.atomic():
        event = Event(user_id=webhook.user_id, name=name, data=data, created_at=now, request_id=logs.request_id())
        event.body = body(event.id, name, dumps(data), now)
        event.save(force_insert=True)
        delivery = Delivery(webhook=webhook, source=event, event=name, payload=data, status=DeliveryStatus.PENDING)
        delivery.save(force_insert=True)
    return delivery.id


def body(event_id: str, name: str, data: bytes, moment: datetime) -> bytes:
    """The exact bytes that every delivery of the event sends and signs."""
    head = dumps({"id": event_id, "event": name, "timestamp": as_utc(moment)})
    return head[:-1] + b',"data":' + data + b"}"
