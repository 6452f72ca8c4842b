"""What our own way is measured against: the least that could be done, and what others do."""

import time
from datetime import date
from typing import Any, Final

from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from bulk_orders.benchmark.forms import order_forms
from bulk_orders.intake import CHUNK_ROWS
from bulk_orders.models import Batch
from bulk_orders.rulebook import judge
from config.lib import ids
from config.lib.exact_json import as_utc, dumps
from webhooks.outbox import body

COPIES: Final = {
    "orders": "id, model_order_id, client_id, order_form_data, status, submitted_at, trace_id",
    "bulk_order_results": "batch_id, order_index, order_id, model_order_id, success, status, run",
    "webhook_events": "id, user_id, name, data, body, created_at",
    "webhook_deliveries": "id, webhook_id, event, payload, status, next_retry_at, created_at, event_id, lane",
}


def ceiling(user: User, count: int) -> float:
    """Orders a second of the least that could be done: judge, and COPY the same rows of the same four tables."""
    rows = list(order_forms(count))
    now = timezone.now()
    batch = Batch.objects.create(
        batch_id=ids.batch_id(now), user=user, total=count, judged_on=now.date(), trace_id=ids.trace_id()
    )
    webhook_id = apps.get_model("webhooks", "Webhook").objects.values_list("pk", flat=True)[0]
    started = time.perf_counter()
    for first in range(0, count, CHUNK_ROWS):
        with transaction.atomic(), connection.cursor() as django_cursor:
            cursor: Any = django_cursor  # psycopg's `copy` is not known to Django's stubs
            for table, lines in copied(cursor, batch, webhook_id, first, rows[first : first + CHUNK_ROWS]).items():
                with cursor.copy(f"COPY {table} ({COPIES[table]}) FROM STDIN") as copy:
                    for line in lines:
                        copy.write_row(line)
    return count / (time.perf_counter() - started)


def copied(cursor: Any, batch: Batch, webhook_id: str, first: int, rows: list[Any]) -> dict[str, list[tuple[Any, ...]]]:
    now, on = timezone.now(), date(2026, 1, 1)
    assert not any(judge(row, on=on) for row in rows)
    cursor.execute("SELECT nextval('orders_id_seq') FROM generate_series(1, %s)", [len(rows)])
    numbers = [number for (number,) in cursor.fetchall()]
    lines: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COPIES}
    made = zip(numbers, ids.model_order_ids(now, len(rows)), ids.new_ids("evt", len(rows)), rows, strict=True)
    for index, (number, name, event_id, row) in enumerate(made, first):
        data = dumps({"orderId": number, "modelOrderId": name, "clientId": batch.user_id, "submittedAt": as_utc(now)})
        text, event, user_id = data.decode(), "order.created", batch.user_id
        lines["orders"].append((number, name, user_id, dumps(row).decode(), "Pending Approval", now, batch.trace_id))
        lines["bulk_order_results"].append((batch.pk, index, number, name, True, "succeeded", 1))
        lines["webhook_events"].append((event_id, user_id, event, text, body(event_id, event, data, now), now))
        lines["webhook_deliveries"].append(
            ("del" + event_id[3:], webhook_id, event, text, "pending", now, now, event_id, 0)
        )
    return lines
