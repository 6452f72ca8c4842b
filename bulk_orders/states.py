"""The life of an order, as one table. Pure: who may act, and what is written with a step, is in ``orders``."""

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    PENDING = "Pending"
    PENDING_APPROVAL = "Pending Approval"
    IN_PROGRESS = "In Progress"
    SETTLEMENT_PENDING = "Settlement Pending"
    EXECUTED = "Executed"
    SETTLED = "Settled"
    FAILED = "Failed"
    SETTLEMENT_REVERSAL = "Settlement Reversal"
    CANCELLED = "Cancelled"


class Step(StrEnum):
    """What people do to an order; a registrar's report (`REPORTS`) names the next status itself."""

    CLAIM = "claim"
    RELEASE = "release"
    AUTHORIZE = "authorize"
    REJECT = "reject"
    CANCEL = "cancel"


STEPS: Mapping[Step, tuple[frozenset[Status], Status]] = {
    # step            from                                                       to
    Step.CLAIM:     (frozenset({Status.PENDING, Status.PENDING_APPROVAL}), Status.PENDING_APPROVAL),
    Step.RELEASE:   (frozenset({Status.PENDING_APPROVAL}),                 Status.PENDING),
    Step.AUTHORIZE: (frozenset({Status.PENDING_APPROVAL}),                 Status.IN_PROGRESS),
    Step.REJECT:    (frozenset({Status.PENDING_APPROVAL}),                 Status.FAILED),
    Step.CANCEL:    (frozenset({Status.PENDING, Status.PENDING_APPROVAL}), Status.CANCELLED),
}  # fmt: skip

REPORTS: Mapping[Status, frozenset[Status]] = {
    # from                     to
    Status.IN_PROGRESS:        frozenset({Status.SETTLEMENT_PENDING, Status.FAILED, Status.SETTLEMENT_REVERSAL}),
    Status.SETTLEMENT_PENDING: frozenset({Status.EXECUTED, Status.FAILED, Status.SETTLEMENT_REVERSAL}),
    Status.EXECUTED:           frozenset({Status.SETTLED, Status.FAILED, Status.SETTLEMENT_REVERSAL}),
}  # fmt: skip

DEAD = frozenset({Status.FAILED, Status.CANCELLED})  # takes no payment


def after_step(step: Step, status: Status) -> Status | None:
    """The status after the step, or None where it is not allowed."""
    before, after = STEPS[step]
    return after if status in before else None


def may_report(status: Status, next_status: Status) -> bool:
    return next_status in REPORTS.get(status, ())
