"""What staff do to orders and batches: each deed one call of a service."""

from django import forms
from django.contrib.auth.models import User

from bulk_orders import batches, orders
from bulk_orders.models import Batch, Order
from bulk_orders.states import STEPS, Status, Step
from config.lib.console.deeds import Deed, Doing

CHECK, RUN = "bulk_orders.authorize_order", "bulk_orders.change_batch"


class Rejection(forms.Form):
    reason = forms.CharField(max_length=500, widget=forms.Textarea, help_text="The client is told this reason.")


def _claim(doing: Doing) -> str:
    orders.claim(order_id=doing.target.pk, checker_id=doing.actor.pk)
    return "The order is claimed: nobody else decides on it until you release it"


def _release(doing: Doing) -> str:
    orders.release(order_id=doing.target.pk, checker_id=doing.actor.pk)
    return "The order is released to all checkers"


def _authorize(doing: Doing) -> str:
    orders.authorize(order_id=doing.target.pk, checker_id=doing.actor.pk)
    return "The order is authorized and in progress"


def _reject(doing: Doing) -> str:
    orders.reject(order_id=doing.target.pk, checker_id=doing.actor.pk, reason=doing.answers["reason"])
    return "The order is rejected, and its client is told why"


def _cancel(doing: Doing) -> str:
    batch = batches.cancel(batch_id=doing.target.pk)
    return f"The batch is cancelled: {batch.skipped:,} rows are skipped"


def _retry(doing: Doing) -> str:
    batches.retry(batch_id=doing.target.pk)
    return "The failed rows are run again"


def _may_decide(order: Order, user: User) -> bool:
    """The maker is never the checker, and one checker at a time."""
    in_reach = order.status in STEPS[Step.AUTHORIZE][0] and order.claimed_by in (None, user.pk)
    return in_reach and not orders.is_own(order, user.pk)


def _may_claim(order: Order, user: User) -> bool:
    return order.status == Status.PENDING or (order.status == Status.PENDING_APPROVAL and order.claimed_by is None)


def _has_claimed(order: Order, user: User) -> bool:
    return order.status == Status.PENDING_APPROVAL and order.claimed_by == user.pk


def _is_running(batch: Batch, user: User) -> bool:
    return batch.status in batches.RUNNING


def _may_run_again(batch: Batch, user: User) -> bool:
    return batch.status not in batches.RUNNING and batch.failed > 0 and not batch.validate_only


ORDER_DEEDS = (
    Deed(
        "claim",
        "Claim",
        "front_hand",
        CHECK,
        "Only you decide on it until you release it.",
        _claim,
        asks=False,
        audited="order.claimed",
        applies=_may_claim,
    ),
    Deed(
        "release",
        "Release",
        "undo",
        CHECK,
        "All checkers may decide on it again.",
        _release,
        asks=False,
        audited="order.released",
        applies=_has_claimed,
    ),
    Deed(
        "authorize",
        "Authorize",
        "check_circle",
        CHECK,
        "It goes to the registrar. This cannot be taken back.",
        _authorize,
        audited="order.authorized",
        applies=_may_decide,
    ),
    Deed(
        "reject",
        "Reject",
        "cancel",
        CHECK,
        "It fails, and its client is told why. This cannot be taken back.",
        _reject,
        form_class=Rejection,
        audited="order.rejected",
        applies=_may_decide,
        is_dangerous=True,
    ),
)

BATCH_DEEDS = (
    Deed(
        "cancel",
        "Cancel the batch",
        "cancel",
        RUN,
        "Rows that no worker has in hand are skipped; orders made already stay.",
        _cancel,
        audited="batch.cancelled",
        applies=_is_running,
        is_dangerous=True,
    ),
    Deed(
        "retry",
        "Retry failed rows",
        "restart_alt",
        RUN,
        "Its failed rows are judged and run again; rows that succeeded are left alone.",
        _retry,
        audited="batch.retried",
        applies=_may_run_again,
    ),
)
