"""How orders are usually created with Django REST framework: without results, events or deliveries."""

import time
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework import serializers

from bulk_orders.benchmark.forms import order_forms
from bulk_orders.models import Order
from bulk_orders.order_form import Mode, TransactionType
from config.lib import ids


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
    """Orders a second: all rows through one nested serializer, then one `bulk_create`."""
    rows = list(order_forms(count))
    started = time.perf_counter()
    Form(data=rows, many=True).is_valid(raise_exception=True)
    Order.objects.bulk_create([_order(user, row) for row in rows])
    return count / (time.perf_counter() - started)


def one_by_one(user: User, count: int) -> float:
    """Orders a second: a serializer and a transaction for each."""
    rows = list(order_forms(count))
    started = time.perf_counter()
    for row in rows:
        Form(data=row).is_valid(raise_exception=True)
        _order(user, row).save()
    return count / (time.perf_counter() - started)


def _order(user: User, row: Any) -> Order:
    number = ids.model_order_ids(timezone.now(), 1)[0]
    return Order(model_order_id=number, client=user, order_form_data=row, trace_id="bench")
