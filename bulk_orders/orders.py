"""What may be done to an order. Every move locks the row, checks the table of states, and tells the owner, at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from bulk_orders.models import Batch, Order, OrderTransition
from bulk_orders.rulebook import Problem, judge
from bulk_orders.states import STEPS, Status, Step, after_step, may_report
from config.lib import ids
from config.lib.camel import camel
from config.lib.errors import BadRequest, Conflict, Forbidden
from config.lib.exact_json import as_utc
from webhooks.events import EventName
from webhooks.outbox import publish


class OrderRefused(BadRequest):
    """The form breaks rules of the rulebook; all of them are told."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        messages = [problem.message for problem in problems]
        super().__init__("; ".join(messages), errors=messages, details=[problem._asdict() for problem in problems])


class InvalidTransition(Conflict):
    def __init__(self, status: str, wanted: str) -> None:
        super().__init__(f"An order that is {status} cannot become {wanted}", code="invalid_transition")


class ClaimedByAnother(Conflict):
    def __init__(self) -> None:
        super().__init__("The order is claimed by another checker", code="claimed_by_another")


class AlreadyClaimed(Conflict):
    def __init__(self) -> None:
        super().__init__("You have claimed this order already", code="already_claimed")


class NotClaimed(Conflict):
    def __init__(self) -> None:
        super().__init__("Only the checker who claimed the order can release it", code="not_claimed")


class OwnOrder(Forbidden):
    """The maker is never the checker."""

    def __init__(self) -> None:
        super().__init__("An order is authorized or rejected by someone other than its submitter", code="own_order")


class Report(NamedTuple):
    """What a registrar says of an order."""

    status: Status
    rta_ref_no: str | None = None
    nav: Decimal | None = None
    units: Decimal | None = None
    reason: str | None = None


@transaction.atomic
def submit(*, user_id: int, form: Any, address: str | None) -> Order:
    """Make an order of a form that the rulebook passes. Raises `OrderRefused`."""
    now = timezone.now()
    if problems := judge(form, on=now.date()):
        raise OrderRefused(problems)
    order = Order.objects.create(
        model_order_id=ids.model_order_ids(now, 1)[0],
        client_id=user_id,
        order_form_data=form,
        status=Status.PENDING_APPROVAL,
        submitted_at=now,
        ip_address=address,
        trace_id=ids.trace_id(),
    )
    _tell(order, EventName.ORDER_CREATED)
    return order


@transaction.atomic
def claim(*, order_id: int, checker_id: int) -> Order:
    """Reserve an order for one checker."""
    order = Order.objects.locked(order_id)
    if order.status == Status.PENDING_APPROVAL and order.claimed_by is not None:
        raise AlreadyClaimed if order.claimed_by == checker_id else ClaimedByAnother
    return _take(Step.CLAIM, order, by=checker_id, claimed_by=checker_id)


@transaction.atomic
def release(*, order_id: int, checker_id: int) -> Order:
    """Give a claimed order back to all checkers."""
    order = Order.objects.locked(order_id)
    if order.status == Status.PENDING_APPROVAL and order.claimed_by != checker_id:
        raise NotClaimed
    return _take(Step.RELEASE, order, by=checker_id, claimed_by=None)


@transaction.atomic
def authorize(*, order_id: int, checker_id: int) -> Order:
    """Send an order on its way. Never by its submitter, nor while another checker holds it."""
    order = _locked_for_decision(order_id, checker_id)
    return _take(Step.AUTHORIZE, order, by=checker_id, authorized_at=timezone.now(), authorized_by=checker_id)


@transaction.atomic
def reject(*, order_id: int, checker_id: int, reason: str) -> Order:
    """End an order before it starts; the reason is told to its owner."""
    if not reason.strip():
        raise BadRequest("Rejection reason is required", code="reason_required")
    order = _locked_for_decision(order_id, checker_id)
    changes = {"rejected_at": timezone.now(), "rejected_reason": reason}
    return _take(Step.REJECT, order, by=checker_id, reason=reason, event=EventName.ORDER_FAILED, **changes)


@transaction.atomic
def cancel(*, order_id: int, user_id: int, reason: str | None) -> Order:
    """The owner's change of mind, possible until the order is authorized."""
    return _take(Step.CANCEL, Order.objects.locked(order_id), by=user_id, reason=reason)


@transaction.atomic
def report_status(*, order_id: int, report: Report, reporter_id: int) -> Order:
    """Move an authorized order as its registrar reports."""
    order = Order.objects.locked(order_id)
    if not may_report(Status(order.status), report.status):
        raise InvalidTransition(order.status, report.status)
    figures = {"rtaRefNo": report.rta_ref_no, "nav": report.nav, "units": report.units}
    details = {name: value for name, value in figures.items() if value is not None}
    events = {Status.SETTLED: EventName.ORDER_COMPLETED, Status.FAILED: EventName.ORDER_FAILED}
    return _move(
        order,
        report.status,
        by=reporter_id,
        reason=report.reason,
        event=events.get(report.status, EventName.ORDER_UPDATED),
        details=details,
        changes={"rta_ref_no": report.rta_ref_no} if report.rta_ref_no else {},
    )


def is_own(order: Order, user_id: int) -> bool:
    """Whether the user submitted the order, or keyed it in for its client."""
    return order.client_id == user_id or Batch.objects.filter(results__order=order, entered_by=user_id).exists()


def _locked_for_decision(order_id: int, checker_id: int) -> Order:
    order = Order.objects.locked(order_id)
    if is_own(order, checker_id):
        raise OwnOrder
    if order.status == Status.PENDING_APPROVAL and order.claimed_by not in (None, checker_id):
        raise ClaimedByAnother
    return order


def _take(
    step: Step,
    order: Order,
    *,
    by: int,
    reason: str | None = None,
    event: EventName = EventName.ORDER_UPDATED,
    **changes: Any,
) -> Order:
    """One step of the table, if it may be taken from here."""
    status = after_step(step, Status(order.status))
    if status is None:
        raise InvalidTransition(order.status, STEPS[step][1])
    return _move(order, status, by=by, reason=reason, event=event, changes=changes)


def _move(
    order: Order,
    status: Status,
    *,
    by: int,
    reason: str | None,
    event: EventName,
    changes: Mapping[str, Any],
    details: Mapping[str, Any] | None = None,
) -> Order:
    OrderTransition.objects.create(
        order=order, by=by, from_status=order.status, to_status=status, reason=reason, details=details or None
    )
    order.status = status
    for name, value in changes.items():
        setattr(order, name, value)
    order.save(update_fields=["status", *changes])
    _tell(order, event, _told(changes) | dict(details or {}) | ({"reason": reason} if reason else {}))
    return order


def _told(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {camel(name): as_utc(value) if isinstance(value, datetime) else value for name, value in changes.items()}


def _tell(order: Order, name: EventName, changed: Mapping[str, Any] | None = None) -> None:
    data = {
        "orderId": order.pk,
        "modelOrderId": order.model_order_id,
        "clientId": order.client_id,
        "status": order.status,
        "submittedAt": as_utc(order.submitted_at),
    }
    publish(user_id=order.client_id, name=name, data=data | dict(changed or {}))
