"""How statuses of this app look."""

from django.utils.safestring import SafeString

from bulk_orders.models import Batch, BatchStatus, PaymentStatus
from bulk_orders.states import Status
from bulk_orders.verdicts import Outcome
from config.lib.console.marks import Tone, badge, progress

ORDER_TONES = {
    Status.PENDING: Tone.ATTENTION,
    Status.PENDING_APPROVAL: Tone.ATTENTION,
    Status.IN_PROGRESS: Tone.WAITING,
    Status.SETTLEMENT_PENDING: Tone.WAITING,
    Status.EXECUTED: Tone.WAITING,
    Status.SETTLED: Tone.GOOD,
    Status.FAILED: Tone.BAD,
    Status.SETTLEMENT_REVERSAL: Tone.BAD,
    Status.CANCELLED: Tone.QUIET,
}
BATCH_TONES = {
    BatchStatus.PENDING: Tone.WAITING,
    BatchStatus.PROCESSING: Tone.WAITING,
    BatchStatus.COMPLETED: Tone.GOOD,
    BatchStatus.PARTIAL: Tone.ATTENTION,
    BatchStatus.FAILED: Tone.BAD,
}
RESULT_TONES = {
    Outcome.SUCCEEDED: Tone.GOOD,
    Outcome.FAILED: Tone.BAD,
    Outcome.SKIPPED: Tone.QUIET,
}
PAYMENT_TONES = {PaymentStatus.RECEIVED: Tone.GOOD, PaymentStatus.FAILED: Tone.BAD}


def order_badge(status: str) -> SafeString:
    return badge(status, ORDER_TONES[Status(status)])


def batch_badge(batch: Batch) -> SafeString:
    return badge(batch.status, BATCH_TONES[BatchStatus(batch.status)])


def batch_progress(batch: Batch) -> SafeString:
    parts = [
        ("succeeded", batch.succeeded, Tone.GOOD),
        ("failed", batch.failed, Tone.BAD),
        ("skipped", batch.skipped, Tone.QUIET),
    ]
    return progress(parts, batch.total)
