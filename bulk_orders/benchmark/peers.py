"""How orders are usually created with Django REST framework, with and without all that the pipeline writes."""

import time
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from rest_framework import serializers

from bulk_orders.benchmark.forms import order_forms
from bulk_orders.models import Batch, BatchStatus, Order, Result
from bulk_orders.order_form import Mode, TransactionType
from bulk_orders.verdicts import Outcome
from config.lib import ids
from config.lib.exact_json import as_utc, dumps
from webhooks.events import EventName
from webhooks.outbox import body


class Item(serializers.Serializer[Any]):
    productId = serializers.CharField()  # noqa: N815 - as on the wire
    schemeName = serializers.CharField(max_length=200)  # noqa: N815
    transactionType = serializers.ChoiceField(TransactionType.__args__)  # type: ignore[attr-defined]  # noqa: N815
    amount = serializers.DecimalField(max_digits=19, decimal_places=4, min_value=0)


class ModeOf(serializers.Serializer[Any]):
    mode = serializers.ChoiceField(Mode.__args__)  # type: ignore[attr-defined]
    email = serializers.EmailField()
    euin = serializers.RegexField("^E[0-9A-Z]{6}$")


class Nominee(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    relationship = serializers.CharField(max_length=50)
    dateOfBirth = serializers.DateField()  # noqa: N815
    pan = serializers.RegexField("^[A-Z]{5}[0-9]{4}[A-Z]$")
    percentage = serializers.DecimalField(max_digits=5, decimal_places=2)


class Form(serializers.Serializer[Any]):
    clientRef = serializers.CharField(max_length=100)  # noqa: N815
    cartItems = Item(many=True)  # noqa: N815
    transactionMode = ModeOf()  # noqa: N815
    nominees = Nominee(many=True)
    optOutOfNomination = serializers.BooleanField()  # noqa: N815


def nested_serializers(user: User, count: int) -> float:
    """Orders a second: all rows through one nested serializer, then one `bulk_create`; no results, no events."""
    rows = list(order_forms(count))
    started = time.perf_counter()
    Form(data=rows, many=True).is_valid(raise_exception=True)
    Order.objects.bulk_create([_order(user, row) for row in rows])
    return count / (time.perf_counter() - started)


def orders_alone(user: User, count: int) -> float:
    """Orders a second: a serializer and a transaction for each; no results, no events."""
    rows = list(order_forms(count))
    started = time.perf_counter()
    for row in rows:
        Form(data=row).is_valid(raise_exception=True)
        _order(user, row).save()
    return count / (time.perf_counter() - started)


def one_by_one(user: User, count: int) -> float:
    """Orders a second, where each has a transaction that writes the rows which the pipeline writes for it."""
    rows = list(order_forms(count))
    now = timezone.now()
    batch = Batch.objects.create(
        batch_id=ids.batch_id(now), user=user, total=count, judged_on=now.date(), trace_id=ids.trace_id()
    )
    started = time.perf_counter()
    for index, row in enumerate(rows):
        Form(data=row).is_valid(raise_exception=True)
        with transaction.atomic():
            order = _order(user, row)
            order.save()
            _note(batch, index, order)
            _tell(EventName.ORDER_CREATED, user, _created(order))
    batch.status, batch.completed_at = BatchStatus.COMPLETED, timezone.now()
    with transaction.atomic():
        batch.save(update_fields=["status", "completed_at"])
        _tell(EventName.BULK_ORDER_COMPLETED, user, {"batchId": batch.pk, "total": count, "succeeded": count})
    taken = time.perf_counter() - started
    assert batch.results.count() == batch.succeeded == count
    return count / taken


def _order(user: User, row: Any) -> Order:
    number = ids.model_order_ids(timezone.now(), 1)[0]
    return Order(model_order_id=number, client=user, order_form_data=row, trace_id="bench", submitted_at=timezone.now())


def _note(batch: Batch, index: int, order: Order) -> None:
    Result.objects.create(
        batch=batch,
        order_index=index,
        order=order,
        model_order_id=order.model_order_id,
        success=True,
        status=Outcome.SUCCEEDED,
        client_ref=order.order_form_data["clientRef"],
    )
    batch.processed += 1
    batch.succeeded += 1
    batch.status = BatchStatus.PROCESSING
    batch.save(update_fields=["processed", "succeeded", "status"])


def _created(order: Order) -> dict[str, Any]:
    return {
        "orderId": order.pk,
        "modelOrderId": order.model_order_id,
        "clientId": order.client_id,
        "status": order.status,
        "submittedAt": as_utc(order.submitted_at),
    }


def _tell(name: str, user: User, data: dict[str, Any]) -> None:
    webhooks, event_model, deliveries = (apps.get_model("webhooks", it) for it in ("Webhook", "Event", "Delivery"))
    now = timezone.now()
    event = event_model(user=user, name=name, data=data, created_at=now)
    event.body = body(event.pk, name, dumps(data), now)
    event.save(force_insert=True)
    for webhook in webhooks.objects.filter(user=user, active=True, events__contains=[name]):
        deliveries.objects.create(
            webhook=webhook, source=event, event=name, payload=data, status="pending", next_retry_at=now
        )
