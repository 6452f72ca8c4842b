"""Staff let a name log in again from where it is locked out."""

from axes.models import AccessAttempt
from django.urls import reverse
from django.utils import timezone

from config.lib import log_ins
from config.lib.console import marks
from config.lib.console.deeds import Deed, Doing, Onward
from config.lib.console.marks import Tone
from config.lib.console.questions import Reason
from config.lib.console.records import Fact, Record


def _lift(doing: Doing) -> Onward:
    attempt: AccessAttempt = doing.target
    log_ins.lift_lockout(
        username=attempt.username,
        address=attempt.ip_address,
        actor=doing.actor,
        reason=doing.answers["reason"],
        actor_address=doing.address,
    )
    said = f"{attempt.username} can log in from {attempt.ip_address} again"
    return Onward(said, reverse("admin:axes_accessattempt_changelist"))


def record(attempt: AccessAttempt) -> Record:
    """The head of the page."""
    until = log_ins.locked_out_until(username=attempt.username, address=attempt.ip_address, now=timezone.now())
    shown = (
        Fact("From", attempt.ip_address),
        Fact("Failures", attempt.failures_since_start, "with this program"),
        Fact("Last failure", marks.when(attempt.attempt_time)),
        Fact("Program", attempt.user_agent),
    )
    if until is None:
        return Record(attempt.username, "", "Not locked out: another try is free.", shown)
    said = f"Locked out from {attempt.ip_address} until {until:%H:%M} UTC; from elsewhere the name can log in."
    return Record(attempt.username, marks.badge("locked out", Tone.BAD), said, shown)


def is_locked_out(attempt: AccessAttempt) -> bool:
    until = log_ins.locked_out_until(username=attempt.username, address=attempt.ip_address, now=timezone.now())
    return until is not None


LIFT = Deed(
    "lift-lockout",
    "Lift the lockout",
    "lock_open",
    "axes.delete_accessattempt",
    "The name can log in from that address again. Make sure first that the person was the one who tried.",
    _lift,
    form_class=Reason,
    applies=lambda attempt, _: is_locked_out(attempt),
)
