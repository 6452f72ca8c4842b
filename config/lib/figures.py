"""Figures by the hour: what happened is counted once, soon after it happened, so that no page counts a million rows.

An app says what is counted: a `Source`. `roll_up` moves the mark up to which everything is counted; `by_hour` adds
what has happened since the mark, so that its answer is true to the moment. Fifteen seconds are left to transactions
that commit late; an hour is counted over, as a whole, five minutes after its end.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from django.conf import settings
from django.db import connection, models, transaction
from django.utils.module_loading import import_string

LATE = timedelta(seconds=15)
SEALED_AFTER = timedelta(minutes=5)
FIRST_LOOK_BACK = timedelta(days=62)
KEPT = timedelta(days=800)

# Upper bounds of durations, in milliseconds; what took longer than the last is beyond all of them.
BOUNDS_MS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 7000, 10_000, 15_000, 30_000)  # fmt: skip  # noqa: E501


class Source(NamedTuple):
    """What is counted. `sql` yields (hour, key, number, bad) of the span from ``%(since)s`` to before ``%(until)s``;
    `key` says of what: an endpoint's or integration's id, or the bound that a duration is below."""

    subject: str
    sql: str


class HourFigure(models.Model):
    """How many `subject` of `key` there were in an hour (UTC), and how many of them went badly."""

    id = models.BigAutoField(primary_key=True)
    subject = models.TextField()
    hour = models.DateTimeField()
    key = models.TextField()
    number = models.BigIntegerField()
    bad = models.BigIntegerField()

    class Meta:
        app_label = "kernel"
        db_table = "hour_figures"
        constraints: ClassVar = [
            # Also the index by which a span of a subject is read.
            models.UniqueConstraint(fields=["subject", "hour", "key"], name="hour_figures_key"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.subject} of {self.key} at {self.hour}"


class FigureMark(models.Model):
    """One row: up to when everything is counted, and up to which hour it is counted for good."""

    id = models.SmallIntegerField(primary_key=True)
    counted_until = models.DateTimeField()
    sealed_until = models.DateTimeField()

    class Meta:
        app_label = "kernel"
        db_table = "hour_figures_mark"

    def __str__(self) -> str:
        return f"counted until {self.counted_until}"


class Figure(NamedTuple):
    hour: datetime
    key: str
    number: int
    bad: int


_ADD = """
INSERT INTO hour_figures (subject, hour, key, number, bad) SELECT %(subject)s, counted.* FROM ({sql}) AS counted
ON CONFLICT (subject, hour, key) DO UPDATE
SET number = hour_figures.number + excluded.number, bad = hour_figures.bad + excluded.bad"""
_FORGET = "DELETE FROM hour_figures WHERE hour >= %(since)s AND hour < %(until)s"
_COUNTED = """
SELECT mark.counted_until, figure.subject, figure.hour, figure.key, figure.number, figure.bad
FROM (SELECT max(counted_until) AS counted_until FROM hour_figures_mark) AS mark
LEFT JOIN hour_figures AS figure
  ON subject = ANY (%(subjects)s) AND hour >= %(since)s AND (%(key)s::text IS NULL OR key = %(key)s)"""

# Days that are over are counted in full a quarter of a minute after their end.
_BY_DAY = """
SELECT date_trunc('day', hour, 'UTC') AS day, subject, sum(number), sum(bad) FROM hour_figures
WHERE subject = ANY (%(subjects)s) AND hour >= %(since)s AND hour < %(until)s
  AND (%(key)s::text IS NULL OR key = %(key)s)
GROUP BY 1, 2 ORDER BY 1, 2"""


def sources() -> dict[str, Source]:
    """Of every app that `FIGURES` names, by subject."""
    return {source.subject: source for path in settings.FIGURES for source in import_string(path)}


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def roll_up(*, now: datetime) -> None:
    """Count what has happened since the last time. Of two at once, one does nothing."""
    start = hour_of(now - FIRST_LOOK_BACK)
    FigureMark.objects.get_or_create(pk=1, defaults={"counted_until": start, "sealed_until": start})
    with transaction.atomic():
        mark = FigureMark.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if mark is None:
            return
        ended = hour_of(now - SEALED_AFTER)
        if ended > mark.sealed_until:
            _execute(_FORGET, since=mark.sealed_until, until=ended)
            _execute("DELETE FROM hour_figures WHERE hour < %(old)s", old=now - KEPT)
            _add(mark.sealed_until, ended)
            mark.sealed_until, mark.counted_until = ended, max(ended, mark.counted_until)
        counted = now - LATE
        if counted > mark.counted_until:
            _add(mark.counted_until, counted)
            mark.counted_until = counted
        mark.save()


def recount(*, now: datetime) -> None:
    """Count everything again, for what was written with a past date: imported, restored or made up."""
    with transaction.atomic():
        FigureMark.objects.all().delete()
        HourFigure.objects.all().delete()
        roll_up(now=now)


def by_hour(subjects: Sequence[str], *, since: datetime, key: str | None = None) -> dict[str, list[Figure]]:
    """The figures of each subject from the hour `since` to this moment, of one key or of all."""
    known = sources()
    rows = _execute(_COUNTED, subjects=list(subjects), since=since, key=key)
    # The mark as it stood for these rows: whatever else has been counted meanwhile is added below, not twice.
    mark = rows[0][0] or since
    answer: dict[str, dict[tuple[datetime, str], Figure]] = {subject: {} for subject in subjects}
    for _, subject, *counted in rows:
        if subject is not None:
            answer[subject][counted[0], counted[1]] = Figure(*counted)
    for subject in subjects:
        for figure in _live(known[subject], max(mark, since), key):
            before = answer[subject].get((figure.hour, figure.key), Figure(figure.hour, figure.key, 0, 0))
            total = before._replace(number=before.number + figure.number, bad=before.bad + figure.bad)
            answer[subject][figure.hour, figure.key] = total
    return {subject: sorted(figures.values()) for subject, figures in answer.items()}


def by_day(subjects: Sequence[str], *, since: datetime, until: datetime, key: str | None = None) -> list[Figure]:
    """The figures of whole days, all keys together: `hour` is the day's midnight, `key` the subject."""
    rows = _execute(_BY_DAY, subjects=list(subjects), since=since, until=until, key=key)
    return [Figure(day, subject, int(number), int(bad)) for day, subject, number, bad in rows]


def quantile(figures: Sequence[Figure], share: float) -> float | None:
    """A duration's quantile in milliseconds, from figures whose keys are bounds; straight lines between the bounds."""
    numbers = dict.fromkeys(BOUNDS_MS, 0)
    for figure in figures:
        numbers[int(figure.key)] += figure.number
    wanted, passed, below = share * sum(numbers.values()), 0, 0
    if not wanted:
        return None
    for bound, number in numbers.items():
        if passed + number >= wanted:
            return below + (bound - below) * (wanted - passed) / number
        passed, below = passed + number, bound
    return float(BOUNDS_MS[-1])


def bound_of(column: str) -> str:
    """SQL for the key of a duration in milliseconds."""
    bounds = ",".join(map(str, BOUNDS_MS))
    return f"(ARRAY[{bounds}])[least(width_bucket({column} - 1, ARRAY[{bounds}]) + 1, {len(BOUNDS_MS)})]::text"


def _add(since: datetime, until: datetime) -> None:
    for source in sources().values():
        _execute(_ADD.format(sql=source.sql), subject=source.subject, since=since, until=until)


def _live(source: Source, since: datetime, key: str | None) -> Iterator[Figure]:
    rows = _execute(source.sql, since=since, until=datetime.max.replace(tzinfo=UTC))
    return (Figure(*row) for row in rows if key in (None, row[1]))


def _execute(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []
