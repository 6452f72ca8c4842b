"""How single facts look in the console: a status, a moment, a duration, a link. Every function returns safe HTML."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.contrib.admin.utils import quote
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

NOTHING = format_html('<span class="c-none" title="{}">–</span>', "nothing here")
_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (float("inf"), 86_400, "d"))


class Tone(StrEnum):
    """What a colour means, everywhere in the console."""

    GOOD = "good"
    BAD = "bad"
    WAITING = "waiting"  # will move by itself
    ATTENTION = "attention"  # waits for a person, or is about to go wrong
    QUIET = "quiet"


Tones = Mapping[str, Tone]


def badge(text: str, tone: Tone = Tone.QUIET, title: str = "") -> SafeString:
    """A status: its colour never stands alone, the word is there too."""
    return format_html('<span class="c-badge c-{}" title="{}">{}</span>', tone, title, text)


def relative(moment: datetime, now: datetime) -> str:
    """``3 min ago``, ``in 12 s``."""
    seconds = (now - moment).total_seconds()
    size = abs(seconds)
    if size < 1:
        return "now"
    unit, name = next((unit, name) for limit, unit, name in _STEPS if size < limit)
    text = f"{int(size // unit)} {name}"
    return f"{text} ago" if seconds > 0 else f"in {text}"


def when(moment: datetime | None, now: datetime | None = None) -> SafeString:
    """A moment: how long ago, and when in UTC."""
    if moment is None:
        return NOTHING
    now = now or timezone.now()
    moment = moment.astimezone(UTC)
    pattern = "%d %b %H:%M:%S" if moment.year == now.year else "%d %b %Y %H:%M"
    return format_html(
        '<time class="c-when" datetime="{}" title="{} UTC"><span>{}</span><small>{}</small></time>',
        moment.isoformat(),
        f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3],
        relative(moment, now),
        moment.strftime(pattern),
    )


def milliseconds(value: float | None) -> SafeString:
    if value is None:
        return NOTHING
    return format_html('<span class="c-number">{}</span>', duration(value))


def duration(value: float) -> str:
    """Milliseconds in the unit that reads best."""
    if value < 1000:
        return f"{value:.0f} ms" if value >= 0.5 else "< 1 ms"
    for limit, size, unit in ((60_000, 1000, "s"), (3_600_000, 60_000, "min")):
        if value < limit:
            return f"{value / size:.1f} {unit}"
    return f"{value / 3_600_000:.1f} h"


def number(value: float | Decimal | None) -> SafeString:
    return NOTHING if value is None else format_html('<span class="c-number">{}</span>', f"{value:,}")


def percent(part: float, whole: float) -> str:
    """``99.9 %``; never rounded up to 100 or down to 0 where there is something else."""
    if not whole:
        return "–"
    share = part / whole * 100
    if share in {0, 100}:
        return f"{share:.0f} %"
    return f"{min(max(share, 0.1), 99.9):.1f} %"


def share(part: float, whole: float, title: str) -> SafeString:
    return format_html('<span class="c-number" title="{}">{}</span>', title, percent(part, whole))


def link(url: str, text: object) -> SafeString:
    return format_html('<a class="c-link" href="{}">{}</a>', url, text)


def code(text: object) -> SafeString:
    return format_html('<code class="c-code">{}</code>', text)


def clipped(text: str | None, length: int = 80) -> SafeString:
    """Text of any length in a cell; the whole of it as a tooltip."""
    if not text:
        return NOTHING
    shown = text if len(text) <= length else text[: length - 1] + "…"
    return format_html('<span class="c-clip" title="{}">{}</span>', text[:1000], shown)


def two(first: object, second: object) -> SafeString:
    """A cell of two lines, the second in small print."""
    return format_html('<span class="c-two"><span>{}</span><small>{}</small></span>', first, second)


def counted(number: int, one: str, many: str = "") -> str:
    """``1 event``, ``2 events``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def clause(text: str) -> str:
    """What somebody wrote, as a part of a sentence of ours that ends behind it."""
    return text.strip().rstrip(".")


def words(values: list[str], most: int = 20) -> SafeString:
    """Codes: events, scopes. Of those beyond `most` only the number is shown, and all of them as a tooltip."""
    if not values:
        return NOTHING
    shown = format_html_join("", "<code>{}</code>", ((value,) for value in values[:most]))
    more = format_html("<small>and {} more</small>", len(values) - most) if len(values) > most else ""
    return format_html('<span class="c-words" title="{}">{}{}</span>', ", ".join(values), shown, more)


def live(key: str, content: object, seconds: int) -> SafeString:
    """Content that is read again from its page every so many seconds; 0 for what will not move any more."""
    if not seconds:
        return format_html('<span class="c-live" id="{}">{}</span>', key, content)
    return format_html('<span class="c-live" id="{}" data-live="{}">{}</span>', key, seconds, content)


def record_url(model: type[models.Model] | models.Model, pk: Any) -> str:
    meta = model._meta
    # Quoted as the admin does: in an id such as wh_1_40… it would take "_40" for an escaped character.
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(pk)])


def list_url(model: type[models.Model], **filters: object) -> str:
    meta = model._meta
    query = {name: str(value) for name, value in filters.items()}
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist", query=query or None)


def record_link(model: type[models.Model], pk: Any, text: object | None = None) -> SafeString:
    return NOTHING if pk is None else link(record_url(model, pk), pk if text is None else text)


def progress(parts: list[tuple[str, int, Tone]], total: int) -> SafeString:
    """A bar of what has become of `total`; `parts` are (name, number, tone)."""
    label = ", ".join(f"{count:,} {name}" for name, count, _ in parts if count) or "nothing yet"
    bars = format_html_join(
        "",
        '<i class="c-{}" style="width:{}%"></i>',
        ((tone, f"{100 * count / total:.2f}") for _, count, tone in parts if count and total),
    )
    return format_html(
        '<span class="c-progress" role="img" aria-label="{} of {}" title="{} of {}">{}</span>',
        label,
        f"{total:,}",
        label,
        f"{total:,}",
        bars,
    )
