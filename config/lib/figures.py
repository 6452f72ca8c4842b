"""Figures by the hour: what happened in an hour, by the number, for pages that must not count a million rows.

An app says what is counted: a `Source`. The table is a ledger (`config.lib.ledgers`): counted once, soon after it
happened. `by_hour` adds what has happened since, so that its answer is true to the moment.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, NamedTuple

from django.conf import settings
from django.db import models
from django.utils.module_loading import import_string

from config.lib import histograms
from config.lib.ledgers import Ledger, counted, execute


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


class Figure(NamedTuple):
    hour: datetime
    key: str
    number: int
    bad: int


_ADD = """
INSERT INTO hour_figures (subject, hour, key, number, bad) SELECT %(subject)s, counted.* FROM ({sql}) AS counted
ON CONFLICT (subject, hour, key) DO UPDATE
SET number = hour_figures.number + excluded.number, bad = hour_figures.bad + excluded.bad"""
_BY_HOUR = """
SELECT subject, hour, key, number, bad FROM hour_figures
WHERE subject = ANY (%(subjects)s) AND hour >= %(since)s AND (%(key)s::text IS NULL OR key = %(key)s)"""

# Days that are over are counted in full a quarter of a minute after their end.
_BY_DAY = """
SELECT date_trunc('day', hour, 'UTC') AS day, subject, sum(number), sum(bad) FROM hour_figures
WHERE subject = ANY (%(subjects)s) AND hour >= %(since)s AND hour < %(until)s
  AND (%(key)s::text IS NULL OR key = %(key)s)
GROUP BY 1, 2 ORDER BY 1, 2"""


def sources() -> dict[str, Source]:
    """Of every app that `FIGURES` names, by subject."""
    return {source.subject: source for path in settings.FIGURES for source in import_string(path)}


def _add(since: datetime, until: datetime) -> None:
    for source in sources().values():
        execute(_ADD.format(sql=source.sql), subject=source.subject, since=since, until=until)


LEDGER = Ledger(1, ("hour_figures",), "hour", timedelta(days=62), timedelta(days=800), _add)


def by_hour(subjects: Sequence[str], *, since: datetime, key: str | None = None) -> dict[str, list[Figure]]:
    """The figures of each subject from the hour `since` to this moment, of one key or of all."""
    known = sources()
    mark, rows = counted(LEDGER, _BY_HOUR, subjects=list(subjects), since=since, key=key)
    answer: dict[str, dict[tuple[datetime, str], Figure]] = {subject: {} for subject in subjects}
    for subject, *found in rows:
        answer[subject][found[0], found[1]] = Figure(*found)
    for subject in subjects:
        for figure in _live(known[subject], mark, key):
            before = answer[subject].get((figure.hour, figure.key), Figure(figure.hour, figure.key, 0, 0))
            total = before._replace(number=before.number + figure.number, bad=before.bad + figure.bad)
            answer[subject][figure.hour, figure.key] = total
    return {subject: sorted(figures.values()) for subject, figures in answer.items()}


def by_day(subjects: Sequence[str], *, since: datetime, until: datetime, key: str | None = None) -> list[Figure]:
    """The figures of whole days, all keys together: `hour` is the day's midnight, `key` the subject."""
    rows = execute(_BY_DAY, subjects=list(subjects), since=since, until=until, key=key)
    return [Figure(day, subject, int(number), int(bad)) for day, subject, number, bad in rows]


def quantile(figures: Sequence[Figure], share: float) -> float | None:
    """A duration's quantile in milliseconds, from figures whose keys are bounds."""
    numbers = dict.fromkeys(histograms.BOUNDS_MS, 0)
    for figure in figures:
        numbers[int(figure.key)] += figure.number
    return histograms.quantile(list(numbers.values()), share)


def _live(source: Source, since: datetime, key: str | None) -> Iterator[Figure]:
    rows = execute(source.sql, since=since, until=datetime.max.replace(tzinfo=UTC))
    return (Figure(*row) for row in rows if key in (None, row[1]))
