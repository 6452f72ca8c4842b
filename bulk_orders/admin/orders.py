"""Orders and their payments: what clients want done, and where it stands."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString

from bulk_orders.admin import order_page
from bulk_orders.admin.deeds import ORDER_DEEDS
from bulk_orders.admin.tones import PAYMENT_TONES, order_badge
from bulk_orders.models import Order, Payment, PaymentStatus
from bulk_orders.states import Status
from config.lib.console import marks
from config.lib.console.filters import OptionFilter
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Fact, Record
from config.lib.console.search import USER_NAME, Term


class StatusFilter(OptionFilter):
    title, parameter_name = "status", "status"
    options = tuple((status.value, status.value, models.Q(status=status.value)) for status in Status)


@admin.register(Order)
class OrderAdmin(ConsoleAdmin):
    explanation = "Orders as clients sent them. One who submitted an order never authorizes it."
    empty = "No order has been submitted yet."
    list_display = ("key", "owner", "state", "what", "amount", "submitted")
    list_filter = (StatusFilter,)
    list_select_related = ("client",)
    ordering = ("-submitted_at", "-pk")
    search_terms = (
        Term(r"MO-\d{8}-[0-9A-Z]+", "model_order_id"),
        Term(r"\d{1,9}", "pk"),
        Term(USER_NAME, "client__username"),
    )
    search_help_text = "Order number, model order id, or the client's user name"
    moment = "submitted_at"
    export_fields = (
        "id", "model_order_id", "client__username", "status", "submitted_at", "authorized_at", "authorized_by",
        "rejected_at", "rejected_reason", "rta_ref_no", "order_payment_reference", "payment_linked_status",
    )  # fmt: skip

    deeds = ORDER_DEEDS
    panels = (
        order_page.items,
        order_page.life,
        order_page.standing,
        order_page.payments,
        order_page.origin,
        order_page.form,
    )

    def record(self, request: HttpRequest, obj: Order) -> Record:
        assert isinstance(request.user, User)
        return order_page.record(obj, request.user)

    def called(self, obj: Order) -> str:
        return order_page.called(obj)

    @admin.display(description="Model order id")
    def key(self, order: Order) -> SafeString:
        return marks.code(order.model_order_id)

    @admin.display(description="Client")
    def owner(self, order: Order) -> SafeString:
        return marks.record_link(type(order.client), order.client_id, order.client.get_username())

    @admin.display(description="Status")
    def state(self, order: Order) -> SafeString:
        return order_badge(order.status)

    @admin.display(description="What is to be done")
    def what(self, order: Order) -> SafeString:
        items = order_page.items_of(order) or [{}]
        more = f"; {len(items)} items" if len(items) > 1 else ""
        kinds = sorted({str(item.get("transactionType", "")) for item in items})
        return marks.two(marks.clipped(str(items[0].get("schemeName", "")), 60), ", ".join(kinds) + more)

    @admin.display(description="Amount (INR)")
    def amount(self, order: Order) -> SafeString:
        return marks.number(order_page.order_amount(order))

    @admin.display(description="Submitted")
    def submitted(self, order: Order) -> SafeString:
        return marks.when(order.submitted_at)


class PaymentStatusFilter(OptionFilter):
    title, parameter_name = "status", "status"
    options = tuple((value, label, models.Q(status=value)) for value, label in PaymentStatus.choices)


@admin.register(Payment)
class PaymentAdmin(ConsoleAdmin):
    explanation = "What payment gateways have reported. The same reference of an order is one payment."
    empty = "No payment has been reported yet."
    list_display = ("key", "order_link", "state", "amount_inr", "updated")
    list_filter = (PaymentStatusFilter,)
    list_select_related = ("order",)
    ordering = ("-updated_at", "-pk")
    search_terms = (Term(r"\d{1,9}", "order_id"), Term(r"MO-\d{8}-[0-9A-Z]+", "order__model_order_id"))
    search_help_text = "Order number, or model order id"
    moment = "updated_at"
    export_fields = ("reference", "order_id", "order__model_order_id", "status", "amount", "remarks", "updated_at")

    def record(self, request: HttpRequest, obj: Payment) -> Record:
        shown = (
            Fact("Order", self.order_link(obj)),
            Fact("Amount (INR)", marks.number(obj.amount)),
            Fact("Reported", marks.when(obj.updated_at)),
            Fact("First reported", marks.when(obj.created_at)),
        )
        said = f"The gateway remarks: {obj.remarks}" if obj.remarks else "The gateway made no remark."
        return Record(f"Payment {obj.reference}", self.state(obj), said, shown)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).defer("order__order_form_data")  # type: ignore[no-any-return]

    @admin.display(description="Reference")
    def key(self, payment: Payment) -> SafeString:
        return marks.code(marks.clipped(payment.reference, 100))

    @admin.display(description="Order")
    def order_link(self, payment: Payment) -> SafeString:
        return marks.record_link(Order, payment.order_id, payment.order.model_order_id)

    @admin.display(description="Status")
    def state(self, payment: Payment) -> SafeString:
        return marks.badge(payment.status, PAYMENT_TONES[PaymentStatus(payment.status)])

    @admin.display(description="Amount (INR)")
    def amount_inr(self, payment: Payment) -> SafeString:
        return marks.number(payment.amount)

    @admin.display(description="Reported")
    def updated(self, payment: Payment) -> SafeString:
        return marks.when(payment.updated_at)
