"""Who is locked out from a key for guessing at it, and how staff let them in again."""

from typing import Any

from django.http import HttpRequest

from config.lib.console.deeds import Deed, Doing
from config.lib.console.marks import counted
from config.lib.console.questions import Reason
from config.lib.console.records import Panel, table
from integrations import services
from integrations.lockout import FAILURES, SHOWN, Lockout
from integrations.models import Integration


def locked_out(request: HttpRequest, integration: Integration) -> Panel | None:
    """Drawn only where somebody is."""
    rows = [(each.address, f"{each.seconds // 60 + 1} min") for each in _found(integration)]
    note = f"{FAILURES.limit} wrong secrets within {FAILURES.seconds // 60} minutes; its key works from everywhere else"
    note += f". The newest {SHOWN}; lifting lets all try again" if len(rows) >= SHOWN else ""
    return table("Locked out", ("From", "For at most"), rows, empty="", note=note, wide=False) if rows else None


def _lift(doing: Doing) -> str:
    number = services.lift_lockouts(
        integration=doing.target, actor=doing.actor, reason=doing.answers["reason"], address=doing.address
    )
    return f"Its key may be tried again from {counted(number, 'address', 'addresses')}"


def _has_any(integration: Any, _: object) -> bool:
    return bool(_found(integration))


def _found(integration: Integration) -> list[Lockout]:
    """Panel and deed of a page are about the same row: Valkey is asked once for both."""
    kept: dict[str, list[Lockout]] = vars(integration)
    if "lockouts" not in kept:
        kept["lockouts"] = services.lockouts_of(integration)
    return kept["lockouts"]


LIFT = Deed(
    "lift-lockouts",
    "Lift lockouts",
    "lock_open",
    "integrations.suspend_integration",
    "Its key may be tried again from where it was guessed at. Make sure first that the partner is who guessed.",
    _lift,
    form_class=Reason,
    in_list=False,
    applies=_has_any,
)
