"""What is usual, to compare with: one Celery task per delivery, which reads the row, posts with `requests`, and saves.

It signs and logs as we do. It has no lease, no fairness, no limits, no deadline over the whole exchange.
"""

import time

import requests
from celery import shared_task
from django.utils import timezone

from webhooks.models import Attempt, Delivery, DeliveryStatus
from webhooks.signing import signature_headers

QUEUE = "peer"


@shared_task(ignore_result=True)
def deliver(delivery_id: str) -> None:
    delivery = Delivery.objects.select_related("webhook", "source").get(pk=delivery_id)
    body, started = bytes(delivery.source.body), time.perf_counter()
    headers = signature_headers([delivery.webhook.secret], delivery.source_id, int(time.time()), body)
    reply = requests.post(delivery.webhook.url, data=body, headers=headers, timeout=10)
    taken, now = round((time.perf_counter() - started) * 1000), timezone.now()
    delivery.status = DeliveryStatus.DELIVERED if reply.ok else DeliveryStatus.RETRYING
    delivery.next_retry_at, delivery.attempts, delivery.last_attempt_at = None, delivery.attempts + 1, now
    delivery.response_code, delivery.response_body, delivery.duration_ms = reply.status_code, reply.text, taken
    delivery.save(
        update_fields=[
            "status",
            "next_retry_at",
            "attempts",
            "last_attempt_at",
            "response_code",
            "response_body",
            "duration_ms",
        ]
    )
    Attempt.objects.create(
        delivery=delivery,
        at=now,
        response_code=reply.status_code,
        duration_ms=taken,
        response_headers=dict(reply.headers),
        response_body=reply.text,
    )
