"""What an endpoint's page tells: how its deliveries go, what waits for it, and what it was sent of late."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from config.lib import figures
from config.lib.console import charts, marks
from config.lib.console.charts import Series
from config.lib.console.marks import Tone
from config.lib.console.records import Fact, Panel, Record, facts, table
from webhooks.admin.tones import code_badge, delivery_badge, health_badge
from webhooks.delivery import max_attempts
from webhooks.models import Delivery, Webhook

DAYS = 31
NEWEST = 1000
SHOWN = 10
_FASTER = {50: "half of them are faster", 95: "95 % are faster", 99: "99 % are faster"}


def record(webhook: Webhook) -> Record:
    shown = (
        Fact("Owner", marks.record_link(type(webhook.user), webhook.user_id, webhook.user.get_username())),
        Fact("Last delivered", marks.when(webhook.last_triggered_at)),
        Fact("Failures in a row", marks.number(webhook.failure_count)),
        Fact("Created", marks.when(webhook.created_at)),
    )
    return Record(webhook.url, health_badge(webhook), sentence(webhook, timezone.now()), shown)


def sentence(webhook: Webhook, now: datetime) -> str:
    if not webhook.active:
        since = f" {marks.relative(webhook.disabled_at, now)}" if webhook.disabled_at else ""
        reason = f": {webhook.disabled_reason}" if webhook.disabled_reason else ""
        return f"It was disabled{since}{reason}. What waits for it is held until it is enabled."
    if webhook.failing_since:
        since = marks.relative(webhook.failing_since, now)
        return f"Every attempt since {since} has failed; if that goes on, the gateway disables it and tells its owner."
    return "It gets the events it subscribes to."


def days(request: HttpRequest, webhook: Webhook) -> Panel:
    now = timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = figures.by_hour(["delivery"], since=midnight, key=webhook.pk)["delivery"]
    span = charts.days_until(now, DAYS, deliveries_url(webhook))
    found = figures.by_day(["delivery"], since=midnight - timedelta(days=DAYS - 1), until=midnight, key=webhook.pk)
    by_day = {figure.hour: (figure.number, figure.bad) for figure in found}
    by_day[midnight] = sum(figure.number for figure in today), sum(figure.bad for figure in today)
    ended, failed = charts.at_days(by_day, now, DAYS)
    good = [number - bad for number, bad in zip(ended, failed, strict=True)]
    series = [Series("delivered", Tone.GOOD, good), Series("given up", Tone.BAD, failed)]
    return charts.columns(
        "Deliveries by day",
        span,
        series,
        empty=f"Nothing in {DAYS} days.",
        note=f"The last {DAYS} days, UTC",
        wide=True,
    )


def newest(request: HttpRequest, webhook: Webhook) -> Panel:
    """Pace and errors, of a bounded number of deliveries."""
    rows = _newest(webhook).values_list("status", "duration_ms", "attempts", "error")[:NEWEST]
    times = sorted(took for _, took, _, _ in rows if took is not None)
    states = Counter(status for status, *_ in rows)
    ended = states["delivered"] + states["failed"]
    tries = [attempts for _, _, attempts, _ in rows if attempts]
    errors = Counter(error[:120] for *_, error in rows if error).most_common(3)
    said = [Fact("Error", error, "once" if number == 1 else f"{number:,} times") for error, number in errors]
    return facts(
        "How it goes",
        Fact("Success rate", marks.percent(states["delivered"], ended), f"of {ended:,} that have ended"),
        Fact("Attempts per delivery", f"{sum(tries) / len(tries):.2f}" if tries else marks.NOTHING),
        *(Fact(f"p{share}", marks.milliseconds(_at(times, share)), _FASTER[share]) for share in (50, 95, 99)),
        *said,
        note=f"Of its newest {len(rows):,} deliveries; durations of the last attempts",
    )


def settings(request: HttpRequest, webhook: Webhook) -> Panel:
    grace = webhook.previous_secret_until
    signs = (
        format_html("The former one signs, too, until {}", marks.when(grace))
        if grace and grace > timezone.now()
        else ""
    )
    attempts = max_attempts(webhook.retry_schedule, webhook.max_retries)
    pace = f"{webhook.rate_limit} a second" if webhook.rate_limit else "as fast as it answers"
    return facts(
        "Settings",
        Fact("Webhook id", marks.code(webhook.pk)),
        Fact("Events", marks.words(webhook.events)),
        Fact("Description", webhook.description or marks.NOTHING),
        Fact("Retries", f"{webhook.retry_schedule}, at most {attempts} attempts in all"),
        Fact("Pace", f"{pace}, {'in strict order' if webhook.ordered else 'in any order'}"),
        Fact("Signing secret", "set, stored encrypted", str(signs)),
    )


def latest(request: HttpRequest, webhook: Webhook) -> Panel:
    rows = [
        (
            marks.when(delivery.created_at),
            marks.record_link(Delivery, delivery.pk, delivery.event),
            delivery_badge(delivery),
            marks.number(delivery.attempts),
            code_badge(delivery.response_code) if delivery.attempts else None,
            marks.milliseconds(delivery.duration_ms),
            marks.clipped(delivery.error),
        )
        for delivery in _newest(webhook).defer("payload", "response_body")[:SHOWN]
    ]
    headers = ("Created", "Event", "Status", "Attempts", "Reply", "Took", "Error")
    return table(
        "Newest deliveries",
        headers,
        rows,
        empty="Nothing has been sent to it yet.",
        link=(deliveries_url(webhook), "All its deliveries"),
    )


def deliveries_url(webhook: Webhook) -> str:
    return marks.list_url(Delivery, webhook__id__exact=webhook.pk)


def _newest(webhook: Webhook) -> Any:
    return Delivery.objects.filter(webhook_id=webhook.pk).order_by("-created_at", "-id")


def _at(times: list[int], share: int) -> int | None:
    return times[min(len(times) - 1, len(times) * share // 100)] if times else None
