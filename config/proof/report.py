"""What a run of chaos says on the terminal."""

from collections.abc import Sequence

from config.proof.book import Account
from config.proof.partner import Submission
from config.proof.scenarios import Harm

MADE = ("orders in", "results", "orders", "completed", "deliveries")
HEADINGS = ("", *MADE, "lost", "again", "%", "cut off", "kills", "recovery")


def table(accounts: Sequence[Account]) -> str:
    rows = [HEADINGS, *(_cells(account) for account in accounts)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADINGS))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    note = (
        "orders in: rows submitted, one in 25 of them refused; completed: events of ended batches; again: requests\n"
        "that had been answered, cut off: those whose sender died before it had the answer, that were sent once more,\n"
        "each under the same webhook-id; kills: deaths (or a freeze) that may cut off what is in flight."
    )
    return "\n".join(["", *lines, "", note])


def _cells(account: Account) -> tuple[str, ...]:
    facts, seen = account.facts, account.seen
    made = (account.rows, facts.results, facts.orders, facts.batch_events)
    counts = (*made, facts.delivered, seen.lost, seen.repeated)
    figures = (
        f"{account.share:.2%}",
        str(seen.cut_off),
        str(account.kills + account.freezes),
        f"{account.recovery:.1f} s",
    )
    return (account.name, *(f"{count:,}" for count in counts), *figures)


def line(account: Account, submission: Submission, harm: Harm) -> str:
    """A scenario has ended."""
    state = "; ".join(account.faults()) or "well"
    repeats = f"{submission.repeats} requests repeated, {submission.replayed} of them had been taken already"
    return "\n".join([f"  {account.name}: {state}", *(f"    {note}" for note in (repeats, *harm.notes[:6]))])
