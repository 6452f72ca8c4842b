"""Tables of figures that are filled soon after something happened, so that nobody counts a million rows for an answer.

An app says which tables, and how a span of time is counted into them: a `Ledger`. `roll_up` moves each ledger's mark,
up to which everything is counted; whoever reads adds what has happened since (`counted`), so that the answer is true to
the moment. Fifteen seconds are left to transactions that commit late; an hour (or a day) is counted over, as a whole,
five minutes after its end.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, models, transaction
from django.utils.module_loading import import_string

LATE = timedelta(seconds=15)
SEALED_AFTER = timedelta(minutes=5)
# While catching up, a day is counted in the first transaction, then twice or half as much as in the one before.
FIRST_STRETCH = timedelta(days=1)
SHORTEST_STRETCH = timedelta(hours=1)
QUICK_SECONDS = 2.0

Rows = list[tuple[Any, ...]]


class Ledger(NamedTuple):
    """What is counted into which tables. Each has a column named like `step`: the hour or the day of a row (UTC)."""

    mark: int  # the id of the ledger's `FigureMark`
    tables: tuple[str, ...]
    step: str  # "hour" or "day"
    look_back: timedelta  # what the first count counts
    kept: timedelta
    add: Callable[[datetime, datetime], None]  # counts what happened from a moment to before another, and adds it


class FigureMark(models.Model):
    """One row a ledger: up to when everything is counted, and up to which hour or day it is counted for good."""

    id = models.SmallIntegerField(primary_key=True)
    counted_until = models.DateTimeField()
    sealed_until = models.DateTimeField()

    class Meta:
        app_label = "kernel"
        db_table = "hour_figures_mark"

    def __str__(self) -> str:
        return f"counted until {self.counted_until}"


# The mark as it stood for these rows: whatever else has been counted meanwhile is not among them.
_COUNTED = """
SELECT mark.counted_until, counted.*
FROM (SELECT max(counted_until) AS counted_until FROM hour_figures_mark WHERE id = %(mark)s) AS mark
LEFT JOIN ({sql}) AS counted ON true"""


def ledgers() -> list[Ledger]:
    return [import_string(path) for path in settings.LEDGERS]


def start_of(step: str, moment: datetime) -> datetime:
    """Of the hour or the day (UTC) that `moment` is in."""
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour.replace(hour=0) if step == "day" else hour


def roll_up(*, now: datetime) -> None:
    """Count what has happened since the last time. Of two at once, one does nothing."""
    for ledger in ledgers():
        start = start_of(ledger.step, now - ledger.look_back)
        FigureMark.objects.get_or_create(pk=ledger.mark, defaults={"counted_until": start, "sealed_until": start})
        _catch_up(ledger, now)


def recount(*, now: datetime) -> None:
    """Count everything again, for what was written with a past date: imported, restored or made up."""
    with transaction.atomic():
        FigureMark.objects.all().delete()
        for ledger in ledgers():
            for table in ledger.tables:
                execute(f"DELETE FROM {table}")  # noqa: S608  # nosec B608  # our own tables' names
    roll_up(now=now)


def counted(ledger: Ledger, sql: str, *, since: datetime, **parameters: Any) -> tuple[datetime, Rows]:
    """The rows of a query of the ledger's tables, and the moment, `since` or later, from which nothing is in them."""
    rows = execute(_COUNTED.format(sql=sql), mark=ledger.mark, since=since, **parameters)
    found = [row[1:] for row in rows if any(value is not None for value in row[1:])]
    return max(rows[0][0] or since, since), found


def execute(statement: str, **parameters: Any) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def _catch_up(ledger: Ledger, now: datetime) -> None:
    stretch = FIRST_STRETCH
    started = time.monotonic()
    while _advance(ledger, now, stretch):
        is_quick = time.monotonic() - started < QUICK_SECONDS
        stretch = stretch * 2 if is_quick else max(stretch / 2, SHORTEST_STRETCH)
        started = time.monotonic()


def _advance(ledger: Ledger, now: datetime, stretch: timedelta) -> bool:
    """Count what is next, `stretch` at most; whether there is more to be counted."""
    with transaction.atomic():
        mark = FigureMark.objects.select_for_update(skip_locked=True).filter(pk=ledger.mark).first()
        if mark is None:
            return False
        until = min(now - LATE, mark.counted_until + stretch)
        ended = start_of(ledger.step, min(now - SEALED_AFTER, until))
        if ended > mark.sealed_until:
            _forget(ledger, mark.sealed_until, ended, now - ledger.kept)
            ledger.add(mark.sealed_until, ended)
            mark.sealed_until, mark.counted_until = ended, max(ended, mark.counted_until)
        if until > mark.counted_until:
            ledger.add(mark.counted_until, until)
            mark.counted_until = until
        mark.save()
    return until < now - LATE


def _forget(ledger: Ledger, since: datetime, until: datetime, old: datetime) -> None:
    """What is about to be counted again, and what is too old to be asked for."""
    for table in ledger.tables:
        at = f"{table}.{ledger.step}"
        counted_again = f"{at} >= %(since)s AND {at} < %(until)s"
        execute(f"DELETE FROM {table} WHERE {counted_again}", since=since, until=until)  # noqa: S608  # nosec B608
        execute(f"DELETE FROM {table} WHERE {at} < %(old)s", old=old)  # noqa: S608  # nosec B608
