"""`/api/order-management/orders`: one order: its owner, its checkers, its payment gateway and its registrar."""

from typing import Any, ClassVar

from django.db.models import Q
from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from bulk_orders import documentation, orders, payments
from bulk_orders.callers import integration_of, user_of
from bulk_orders.filters import submitted_between, with_status
from bulk_orders.idempotency import once
from bulk_orders.models import Order, OrderQuerySet, PaymentStatus
from bulk_orders.pages import BySubmission
from bulk_orders.serializers import (
    OrderSerializer,
    PaymentRequestSerializer,
    PaymentSerializer,
    ReasonSerializer,
    StatusRequestSerializer,
    TransitionSerializer,
)
from bulk_orders.states import Status
from config.lib.errors import Forbidden, NotFound
from config.lib.pages import whole_list
from config.lib.requests import client_address

CHECK = "bulk_orders.authorize_order"
MAX_ID = 2**31 - 1


class Orders(viewsets.GenericViewSet[Order]):
    """Claim, release, authorize and reject are people's work: no API key has a scope for them."""

    required_scopes: ClassVar = {
        "create": "orders:write",
        "list": "orders:read",
        "retrieve": "orders:read",
        "history": "orders:read",
        "cancel": "orders:write",
        "payment": "payments:write",
        "report": "order_status:write",
    }
    serializer_class = OrderSerializer
    pagination_class = BySubmission

    def get_queryset(self) -> OrderQuerySet:
        """One's own orders; all of them for a checker in person, whose API key gets no such power."""
        user = user_of(self.request)
        if integration_of(self.request) is None and user.has_perm(CHECK):
            return Order.objects.all()
        return Order.objects.for_user(user.pk)

    def get_order(self, among: OrderQuerySet | None = None) -> Order:
        rows = self.get_queryset() if among is None else among
        order = rows.filter(_named(self.kwargs["order"])).first()
        if order is None:
            raise NotFound("Order not found")
        return order

    def order_to_check(self) -> Order:
        """404 for what the caller cannot see, 403 for what they can see but not decide."""
        order = self.get_order()
        if not user_of(self.request).has_perm(CHECK):
            raise Forbidden
        return order

    def reachable_order(self) -> Order:
        """An order that the calling integration reports on. A person with a session has no such integration."""
        integration = integration_of(self.request)
        if integration is None:
            raise Forbidden("Only an integration with the scope reports on orders", code="insufficient_scope")
        return self.get_order(Order.objects.filter(client_id__in=integration.reachable_user_ids()))

    @extend_schema(**documentation.SUBMIT_ORDER)
    def create(self, request: Request) -> HttpResponseBase:
        """Submit one order."""
        return once(request, lambda: _submitted(request))

    @extend_schema(**documentation.LIST_ORDERS)
    def list(self, request: Request) -> Response:
        """Orders, newest first."""
        rows = submitted_between(with_status(self.get_queryset(), request, [*Status]), request)
        return self.get_paginated_response(OrderSerializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(**documentation.GET_ORDER)
    def retrieve(self, request: Request, order: str) -> Response:
        """One order, by its id or its model order id."""
        return Response(OrderSerializer(self.get_order()).data)

    @extend_schema(**documentation.HISTORY)
    def history(self, request: Request, order: str) -> Response:
        """Every move of the order, from its submission on."""
        return whole_list(TransitionSerializer(self.get_order().history(), many=True).data)

    @extend_schema(**documentation.STEP)
    def claim(self, request: Request, order: str) -> Response:
        """Reserve the order for yourself."""
        return _moved("claimed", orders.claim(order_id=self.order_to_check().pk, checker_id=user_of(request).pk))

    @extend_schema(**documentation.STEP)
    def release(self, request: Request, order: str) -> Response:
        """Give a claimed order back."""
        return _moved("released", orders.release(order_id=self.order_to_check().pk, checker_id=user_of(request).pk))

    @extend_schema(**documentation.STEP)
    def authorize(self, request: Request, order: str) -> Response:
        """Send another's order on its way."""
        return _moved("authorized", orders.authorize(order_id=self.order_to_check().pk, checker_id=user_of(request).pk))

    @extend_schema(**documentation.STEP_WITH_REASON)
    def reject(self, request: Request, order: str) -> Response:
        """Refuse another's order, saying why."""
        order_id, reason = self.order_to_check().pk, _read(ReasonSerializer, request)["reason"] or ""
        return _moved("rejected", orders.reject(order_id=order_id, checker_id=user_of(request).pk, reason=reason))

    @extend_schema(**documentation.STEP_WITH_REASON)
    def cancel(self, request: Request, order: str) -> Response:
        """Take your own order back before it is authorized."""
        own = self.get_order(Order.objects.for_user(user_of(request).pk))
        reason = _read(ReasonSerializer, request)["reason"]
        return _moved("cancelled", orders.cancel(order_id=own.pk, user_id=user_of(request).pk, reason=reason))

    @extend_schema(**documentation.PAYMENT)
    def payment(self, request: Request, order: str) -> HttpResponseBase:
        """Report a payment received or failed."""
        order_id, told = self.reachable_order().pk, _read(PaymentRequestSerializer, request)
        receipt = payments.Receipt(
            PaymentStatus(told["status"]), told["payment_reference"], told["amount"], told["remarks"]
        )
        return once(request, lambda: _paid(order_id, receipt))

    @extend_schema(**documentation.REPORT)
    def report(self, request: Request, order: str) -> Response:
        """Report how an authorized order fares at the registrar."""
        order_id, report = self.reachable_order().pk, orders.Report(**_read(StatusRequestSerializer, request))
        return _moved(
            "updated", orders.report_status(order_id=order_id, report=report, reporter_id=user_of(request).pk)
        )


def _named(name: str) -> Q:
    if name.isascii() and name.isdigit():
        return Q(pk=int(name)) if int(name) <= MAX_ID else Q(pk__in=())
    return Q(model_order_id=name)


def _read(serializer: type[Any], request: Request) -> dict[str, Any]:
    form = serializer(data=request.data or {})
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _submitted(request: Request) -> Response:
    order = orders.submit(user_id=user_of(request).pk, form=request.data, address=client_address(request))
    return _moved("submitted", order, status=201)


def _moved(deed: str, order: Order, status: int = 200) -> Response:
    reply = {"success": True, "message": f"Order {deed} successfully", "data": OrderSerializer(order).data}
    return Response(reply, status=status)


def _paid(order_id: int, receipt: payments.Receipt) -> Response:
    payment, news = payments.record_payment(order_id=order_id, receipt=receipt)
    message = "Payment recorded successfully" if news else "Payment was recorded before"
    return Response(
        {"success": True, "message": message, "data": PaymentSerializer(payment).data}, 201 if news else 200
    )
