"""What payment gateways report of orders: one payment per order and reference, told to the owner when it is news."""

from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from bulk_orders.models import Order, Payment, PaymentStatus
from bulk_orders.states import DEAD
from config.lib.errors import Conflict
from webhooks.events import EventName
from webhooks.outbox import publish

EVENTS = {PaymentStatus.RECEIVED: EventName.PAYMENT_RECEIVED, PaymentStatus.FAILED: EventName.PAYMENT_FAILED}


class PaymentConflict(Conflict):
    def __init__(self) -> None:
        super().__init__("This payment reference was reported with other particulars", code="payment_conflict")


class Receipt(NamedTuple):
    """What a payment gateway says of one payment."""

    status: PaymentStatus
    reference: str
    amount: Decimal
    remarks: str | None = None


@transaction.atomic
def record_payment(*, order_id: int, receipt: Receipt) -> tuple[Payment, bool]:
    """Note what a gateway reports; answers the payment and whether it is news. The same reference is one payment."""
    order = Order.objects.locked(order_id)
    payment = Payment.objects.filter(order=order, reference=receipt.reference).first()
    if payment and _same(payment, receipt):
        return payment, False
    if order.status in DEAD:
        raise Conflict(f"An order that is {order.status} takes no payment", code="invalid_transition")
    if payment and not _now_received(payment, receipt):
        raise PaymentConflict
    payment = payment or Payment(order=order, reference=receipt.reference, amount=receipt.amount)
    payment.status, payment.remarks, payment.updated_at = receipt.status, receipt.remarks, timezone.now()
    payment.save()
    _link_payment(order, payment)
    publish(user_id=order.client_id, name=EVENTS[receipt.status], data=_payment_data(order, receipt))
    return payment, True


def _same(payment: Payment, receipt: Receipt) -> bool:
    told = (payment.status, payment.amount, payment.remarks)
    return told == (receipt.status, receipt.amount, receipt.remarks)


def _now_received(payment: Payment, receipt: Receipt) -> bool:
    steps = (payment.status, receipt.status)
    return steps == (PaymentStatus.FAILED, PaymentStatus.RECEIVED) and payment.amount == receipt.amount


def _link_payment(order: Order, payment: Payment) -> None:
    """The order shows its latest payment, but a failure never hides one that was received."""
    if order.payment_linked_status == PaymentStatus.RECEIVED and payment.status == PaymentStatus.FAILED:
        return
    order.order_payment_reference = order.pg_payment_reference_no = payment.reference
    order.payment_linked_status, order.pay_remarks = payment.status, payment.remarks
    order.save(
        update_fields=["order_payment_reference", "pg_payment_reference_no", "payment_linked_status", "pay_remarks"]
    )


def _payment_data(order: Order, receipt: Receipt) -> dict[str, Any]:
    return {
        "orderId": order.pk,
        "modelOrderId": order.model_order_id,
        "paymentReference": receipt.reference,
        "amount": receipt.amount,
        "status": receipt.status,
    }
