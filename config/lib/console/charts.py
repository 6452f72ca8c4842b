"""Charts as columns of HTML: they scale, take the theme's colours, and every column leads to the list behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

from config.lib.console.marks import Tone, duration
from config.lib.console.records import Panel
from config.lib.figures import Figure

TEMPLATE = "console/panels/chart.html"
Value = TypeVar("Value")


class Part(NamedTuple):
    name: str
    tone: Tone
    text: str
    percent: str  # of the chart's height


@dataclass(frozen=True)
class Column:
    label: str  # under the column; empty for none
    title: str  # at its tooltip
    parts: Sequence[Part]
    href: str = ""
    floor: str = "0"  # percent of the height below the first part
    is_now: bool = False


class Series(NamedTuple):
    """One number for each column; stacked, the first at the bottom."""

    name: str
    tone: Tone
    values: Sequence[int]


class Slot(NamedTuple):
    """A column's place in time."""

    label: str
    title: str
    href: str
    is_now: bool


def hours_of(day: datetime, now: datetime, address: str) -> list[Slot]:
    """The 24 hours of a day; `address` is a list that a period can be added to."""
    moments = [day + timedelta(hours=hour) for hour in range(24)]
    return [
        Slot(
            f"{moment:%H}" if moment.hour % 3 == 0 else "",
            f"{moment:%H:00}–{moment + timedelta(hours=1):%H:00} UTC",
            within(address, f"{moment:%Y-%m-%dT%H}"),
            moment <= now < moment + timedelta(hours=1),
        )
        for moment in moments
    ]


def days_until(now: datetime, count: int, address: str) -> list[Slot]:
    """The last `count` days, today included."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    moments = [today - timedelta(days=back) for back in range(count - 1, -1, -1)]
    return [
        Slot(
            f"{moment:%d}" if (today - moment).days % 5 == 0 else "",
            f"{moment:%a %d %b}",
            within(address, f"{moment:%Y-%m-%d}"),
            moment == today,
        )
        for moment in moments
    ]


def within(address: str, period: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}on={period}" if address else ""


def columns(
    title: str, slots: Sequence[Slot], series: Sequence[Series], *, empty: str, note: str = "", wide: bool = False
) -> Panel:
    """Stacked columns."""
    top = _round_up(max((sum(values) for values in zip(*(s.values for s in series), strict=True)), default=0))
    drawn = [
        Column(slot.label, slot.title, _parts(series, index, top), slot.href, is_now=slot.is_now)
        for index, slot in enumerate(slots)
    ]
    has_any = any(any(one.values) for one in series)
    sums = [(one.name, one.tone, f"{sum(one.values):,}") for one in series]
    context = {"columns": drawn if has_any else [], "top": f"{top:,}", "legend": sums, "empty": empty, "label": title}
    return Panel(title, TEMPLATE, context, note=note, wide=wide)


def _parts(series: Sequence[Series], index: int, top: int) -> list[Part]:
    return [
        Part(one.name, one.tone, f"{one.values[index]:,}", f"{100 * one.values[index] / top:.2f}")
        for one in series
        if top
    ]


def ranges(
    title: str, slots: Sequence[Slot], spans: Sequence[tuple[float, float] | None], *, empty: str, note: str = ""
) -> Panel:
    """Floating columns from the median to the 95th percentile, in milliseconds."""
    top = float(_round_up(max((span[1] for span in spans if span), default=0)))
    drawn = [
        Column(slot.label, slot.title, _range(span, top), slot.href, _share(span[0] if span else 0, top), slot.is_now)
        for slot, span in zip(slots, spans, strict=True)
    ]
    legend = [("from p50 to p95", Tone.WAITING, "")]
    context = {
        "columns": drawn if any(spans) else [], "top": duration(top), "legend": legend, "empty": empty, "label": title,
    }  # fmt: skip
    return Panel(title, TEMPLATE, context, note=note, wide=False)


def _range(span: tuple[float, float] | None, top: float) -> list[Part]:
    if span is None:
        return []
    text = f"{duration(span[0])} – {duration(span[1])}"
    return [Part("p50 – p95", Tone.WAITING, text, _share(max(span[1] - span[0], top / 100), top))]


def heights(
    title: str, slots: Sequence[Slot], name: str, values: Sequence[float | None], *, empty: str, note: str = ""
) -> Panel:
    """Columns of a duration each, in milliseconds."""
    top = float(_round_up(max((value for value in values if value), default=0)))
    drawn = [
        Column(slot.label, slot.title, _height(name, value, top), slot.href, is_now=slot.is_now)
        for slot, value in zip(slots, values, strict=True)
    ]
    context = {
        "columns": drawn if any(values) else [], "top": duration(top), "legend": [(name, Tone.WAITING, "")],
        "empty": empty, "label": title,
    }  # fmt: skip
    return Panel(title, TEMPLATE, context, note=note, wide=False)


def _height(name: str, value: float | None, top: float) -> list[Part]:
    return [] if value is None else [Part(name, Tone.WAITING, duration(value), _share(value, top))]


def _share(value: float, top: float) -> str:
    return f"{100 * value / top:.2f}" if top else "0"


def _round_up(value: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, … from `value` up."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if value <= step * factor:
                return step * factor
        step *= 10


def at_hours(figures: Sequence[Figure], day: datetime) -> tuple[list[int], list[int]]:
    """(number, bad) of each hour of a day, all keys together."""
    numbers, bad = [0] * 24, [0] * 24
    for figure in figures:
        index = int((figure.hour - day).total_seconds() // 3600)
        if 0 <= index < 24:
            numbers[index] += figure.number
            bad[index] += figure.bad
    return numbers, bad


def at_days(figures: Mapping[datetime, tuple[int, int]], now: datetime, count: int) -> tuple[list[int], list[int]]:
    """(number, bad) of each of the last days."""
    found = [pair or (0, 0) for pair in of_days(figures, now, count)]
    return [number for number, _ in found], [bad for _, bad in found]


def of_days(figures: Mapping[datetime, Value], now: datetime, count: int) -> list[Value | None]:
    """What is known of each of the last days."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [figures.get(today - timedelta(days=back)) for back in range(count - 1, -1, -1)]
