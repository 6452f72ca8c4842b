"""What an order's page tells: what is to be done, how it came to stand where it stands, and what was paid."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest

from bulk_orders.admin.tones import ORDER_TONES, PAYMENT_TONES, order_badge
from bulk_orders.models import Batch, Order, Payment, PaymentStatus, Result
from bulk_orders.states import Status
from config.lib.console import marks
from config.lib.console.records import Fact, Moment, Panel, Record, facts, source, table, timeline, user_names

SENTENCES = {
    Status.PENDING: "It waits until a checker claims it.",
    Status.IN_PROGRESS: "It is authorized; its registrar reports how it goes on.",
    Status.SETTLEMENT_PENDING: "Its registrar settles it.",
    Status.EXECUTED: "It is executed and waits to be settled.",
    Status.SETTLED: "It is settled: nothing more will happen to it.",
    Status.SETTLEMENT_REVERSAL: "Its settlement was reversed.",
    Status.CANCELLED: "It was cancelled before it was authorized.",
}


SHORT = 24  # characters of a text that needs no room of its own
# What a registrar reports with a move, as the history keeps it.
REPORTED = {"nav": "NAV", "units": "units", "rtaRefNo": "registrar's reference"}


def record(order: Order, viewer: User) -> Record:
    client = marks.record_link(User, order.client_id, order.client.get_username())
    shown = (
        Fact("Client", client),
        Fact("Amount (INR)", marks.number(order_amount(order))),
        Fact("Submitted", marks.when(order.submitted_at)),
        Fact("Order number", order.pk),
    )
    return Record(order.model_order_id, order_badge(order.status), sentence(order, viewer), shown)


def called(order: Order) -> str:
    """What is decided on, where the page that asks shows nothing else of it."""
    items = items_of(order) or [{}]
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    amount = order_amount(order)
    figure = "" if amount is None else f", {amount:,} INR"
    doing = f"{items[0].get('transactionType', '')} {items[0].get('schemeName', '')}".strip()
    return f"{order.model_order_id} of {order.client.get_username()}: {doing}{more}{figure}"


def sentence(order: Order, viewer: User) -> str:
    if order.status == Status.FAILED:
        return f"It failed: {order.rejected_reason}" if order.rejected_reason else "It failed; the timeline says when."
    if order.status != Status.PENDING_APPROVAL:
        return SENTENCES[Status(order.status)]
    if order.client_id == viewer.pk:
        return "It waits for a checker. You submitted it, so somebody else decides."
    if order.claimed_by is None:
        return "It waits for a checker to authorize or reject it."
    return "You have claimed it." if order.claimed_by == viewer.pk else "Another checker has claimed it."


def order_amount(order: Order) -> Any:
    """What the items add up to; None where none names an amount."""
    figures = [figure for item in items_of(order) if (figure := _figure(item.get("amount"))) is not None]
    return sum(figures) if figures else None


def items(request: HttpRequest, order: Order) -> Panel:
    names = ("schemeName", "transactionType", "amount", "units", "nav", "orderType", "sourceSchemeName")
    rows = [[_cell(item.get(name)) for name in names] for item in items_of(order)]
    headers = ("Scheme", "Transaction", "Amount (INR)", "Units", "NAV", "Order type", "From scheme")
    return table("What is to be done", headers, rows, empty="The form holds no items.")


def life(request: HttpRequest, order: Order) -> Panel:
    moves = order.history()
    names = user_names([move.by for move in moves], User.objects)
    moments = [
        Moment(
            _step(move.from_status, move.to_status),
            marks.when(move.at),
            ORDER_TONES[Status(move.to_status)],
            names.get(move.by or 0, ""),
            _reason(move.reason, move.details),
        )
        for move in moves
    ]
    return timeline("Timeline", moments, note="Every move, by whom and why")


def standing(request: HttpRequest, order: Order) -> Panel:
    names = user_names([order.claimed_by, order.authorized_by], User.objects)
    return facts(
        "Particulars",
        Fact("Claimed by", _user(order.claimed_by, names)),
        Fact("Authorized", marks.when(order.authorized_at)),
        Fact("Authorized by", _user(order.authorized_by, names)),
        Fact("Rejected", marks.when(order.rejected_at)),
        Fact("Registrar's reference", order.rta_ref_no or marks.NOTHING),
        Fact("Submitted from", order.ip_address or marks.NOTHING),
        Fact("Trace id", marks.code(order.trace_id)),
    )


def payments(request: HttpRequest, order: Order) -> Panel:
    rows = [
        (
            marks.record_link(Payment, payment.pk, marks.code(marks.clipped(payment.reference, 100))),
            marks.badge(payment.status, PAYMENT_TONES[PaymentStatus(payment.status)]),
            marks.number(payment.amount),
            marks.when(payment.updated_at),
            marks.clipped(payment.remarks, 200),
        )
        for payment in order.payments.order_by("id")
    ]
    headers = ("Reference", "Status", "Amount (INR)", "Reported", "Remarks")
    return table("Payments", headers, rows, empty="No payment has been reported.")


def origin(request: HttpRequest, order: Order) -> Panel | None:
    """The row of a batch that it came from."""
    result = Result.objects.filter(order_id=order.pk).only("batch_id", "order_index", "client_ref").first()
    if result is None:
        return None
    return facts(
        "Came in bulk",
        Fact("Batch", marks.record_link(Batch, result.batch_id)),
        Fact(
            "Row", marks.record_link(Result, result.pk, result.order_index), "counted from 0, as in the file or request"
        ),
        Fact("Client's reference", result.client_ref or marks.NOTHING),
    )


def form(request: HttpRequest, order: Order) -> Panel:
    return source("Form", order.order_form_data, note="As it was sent, figures exact", wide=False)


def items_of(order: Order) -> list[dict[str, Any]]:
    found = order.order_form_data.get("cartItems")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _cell(value: Any) -> object:
    if value is None or value == "":
        return None
    figure = _figure(value)
    if figure is not None:
        return marks.number(figure)
    text = str(value)
    return text if len(text) <= SHORT else marks.clipped(text, 300)


def _figure(value: Any) -> Decimal | None:
    """A figure, sent as a number or as its text."""
    try:
        return None if isinstance(value, bool | list | dict | None) else Decimal(str(value))
    except InvalidOperation:
        return None


def _step(before: str | None, after: str) -> str:
    if before is None:
        return "Submitted"
    return f"{before} → {after}" if before != after else f"Claimed, still {after}"


def _reason(reason: str | None, details: Mapping[str, Any] | None) -> str:
    told = [f"{REPORTED.get(name, name)} {value}" for name, value in (details or {}).items()]
    return "; ".join([*([reason] if reason else []), *told])


def _user(pk: int | None, names: Mapping[int, str]) -> object:
    return marks.NOTHING if pk is None else marks.record_link(User, pk, names.get(pk, pk))
