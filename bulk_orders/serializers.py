"""The shapes of replies and small requests. Order forms are not here: the rulebook reads those."""

import re
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from bulk_orders.models import Batch, Order, OrderTransition, PaymentStatus, Result
from bulk_orders.states import Status
from config.lib.camel import CamelModelSerializer, CamelSerializer
from config.lib.fields import OptionalTextField, TextField


class FigureField(serializers.Field[Decimal, Any, Decimal, Any]):
    """A positive figure, JSON number or text, whose digits decide: nothing is rounded, nothing passes a float."""

    default_error_messages = {
        "invalid": "This field is not a valid number.",
        "not_positive": "This field must be greater than 0.",
    }

    def __init__(self, *, decimals: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self.pattern = re.compile(rf"[0-9]{{1,15}}(\.[0-9]{{1,{decimals}}})?")

    def to_internal_value(self, data: Any) -> Decimal:
        text = str(data) if isinstance(data, str | int | Decimal) and not isinstance(data, bool) else ""
        if not self.pattern.fullmatch(text):
            self.fail("not_positive" if text.startswith("-") else "invalid")
        if not Decimal(text):
            self.fail("not_positive")
        return Decimal(text)

    def to_representation(self, value: Decimal) -> Decimal:
        return value


class OrderSerializer(CamelModelSerializer):
    class Meta:
        model = Order
        fields = (
            *("id", "model_order_id", "client_id", "order_form_data", "status", "submitted_at", "authorized_at"),
            *("authorized_by", "rejected_at", "rejected_reason", "claimed_by", "rta_ref_no", "order_payment_reference"),
            *("pg_payment_reference_no", "payment_linked_status", "pay_remarks", "ip_address", "trace_id"),
        )


class OrderReplySerializer(CamelSerializer):
    success = serializers.BooleanField()
    message = serializers.CharField()
    data = OrderSerializer()  # type: ignore[assignment]  # a declared field, not the property


class TransitionSerializer(CamelModelSerializer):
    # `from` cannot be declared: it is a keyword.
    class Meta:
        model = OrderTransition
        fields = ("at", "by", "from_status", "to_status", "reason", "details")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {name.removesuffix("Status"): field for name, field in super().get_fields().items()}


class ReasonSerializer(CamelSerializer):
    reason = OptionalTextField(max_length=1000)


class PaymentRequestSerializer(CamelSerializer):
    status = serializers.ChoiceField(PaymentStatus.choices)
    payment_reference = TextField(max_length=200)
    amount = FigureField()
    remarks = OptionalTextField(max_length=1000)


class PaymentSerializer(CamelSerializer):
    order_id = serializers.IntegerField()
    model_order_id = serializers.CharField(source="order.model_order_id")
    payment_reference = serializers.CharField(source="reference")
    amount = FigureField()
    status = serializers.CharField()
    remarks = serializers.CharField(allow_null=True)


class PaymentReplySerializer(CamelSerializer):
    success = serializers.BooleanField()
    message = serializers.CharField()
    data = PaymentSerializer()  # type: ignore[assignment]  # as above


class StatusRequestSerializer(CamelSerializer):
    # Every status is a word we know; which of them may follow is for the table of states to say.
    status = serializers.ChoiceField([*Status])
    rta_ref_no = OptionalTextField(max_length=200)
    nav = FigureField(decimals=10, required=False, allow_null=True, default=None)
    units = FigureField(decimals=10, required=False, allow_null=True, default=None)
    reason = OptionalTextField(max_length=1000)

    def validate_status(self, value: str) -> Status:
        return Status(value)


class BatchSerializer(CamelModelSerializer):
    class Meta:
        model = Batch
        fields = ("batch_id", "status", "total", "processed", "succeeded", "failed", "created_at", "completed_at")


class ProblemSerializer(CamelSerializer):
    path = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class RowErrorSerializer(CamelSerializer):
    index = serializers.IntegerField(source="order_index")
    error = serializers.CharField()
    problems = ProblemSerializer(many=True)


class ResultSerializer(CamelModelSerializer):
    index = serializers.IntegerField(source="order_index")
    code = serializers.SerializerMethodField()

    class Meta:
        model = Result
        fields = (
            *("index", "client_ref", "status", "success", "order_id", "model_order_id"),
            *("error", "code", "problems", "run", "earlier"),
        )

    def get_code(self, result: Result) -> str | None:
        """The machine's word for the row's first problem."""
        return result.problems[0]["code"] if result.problems else None


class BatchDetailSerializer(CamelModelSerializer):
    orders = ResultSerializer(many=True, source="first_orders")
    errors = RowErrorSerializer(many=True, source="first_errors")  # type: ignore[assignment]  # as above

    class Meta:
        model = Batch
        fields = (
            *("batch_id", "status", "total", "processed", "succeeded", "failed", "skipped", "orders", "errors"),
            *("error", "run", "created_at", "completed_at"),
        )


class OptionsSerializer(CamelSerializer):
    stop_on_error = serializers.BooleanField(default=False)
    validate_only = serializers.BooleanField(default=False)


class SummarySerializer(CamelSerializer):
    total = serializers.IntegerField()
    submitted = serializers.IntegerField()
    failed = serializers.IntegerField()
    errors = RowErrorSerializer(many=True)  # type: ignore[assignment]  # as above


class SubmittedSerializer(CamelSerializer):
    success = serializers.BooleanField()
    batch_id = serializers.CharField()
    message = serializers.CharField()
    summary = SummarySerializer()


class UploadSerializer(CamelSerializer):
    file = serializers.FileField()
    options = OptionsSerializer(required=False)
