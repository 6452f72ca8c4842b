"""What an endpoint's page tells: how its deliveries go, what waits for it, and what it was sent of late."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from config.lib.console import charts, marks
from config.lib.console.charts import Series, Slot
from config.lib.console.marks import Tone
from config.lib.console.records import Fact, Panel, Record, facts, table
from webhooks.admin.tones import code_badge, delivery_badge, health_badge
from webhooks.analytics import analytics
from webhooks.delivery import max_attempts
from webhooks.models import Delivery, Webhook

DAYS = 31
SHOWN = 10

Days = dict[datetime, dict[str, Any]]


def record(webhook: Webhook) -> Record:
    shown = (
        Fact("Owner", marks.record_link(type(webhook.user), webhook.user_id, webhook.user.get_username())),
        Fact("Last delivered", marks.when(webhook.last_triggered_at)),
        Fact("Failures in a row", marks.number(webhook.failure_count)),
        Fact("Created", marks.when(webhook.created_at)),
    )
    return Record(webhook.url, health_badge(webhook), sentence(webhook, timezone.now()), shown)


def sentence(webhook: Webhook, now: datetime) -> str:
    if not webhook.active and not webhook.disabled_at:
        who = "Its integration is not active" if webhook.integration_id else "Its owner has switched it off"
        return f"{who}: it gets nothing, and what waits for it is held."
    if not webhook.active:
        assert webhook.disabled_at is not None
        since = f" {marks.relative(webhook.disabled_at, now)}"
        reason = f": {marks.clause(webhook.disabled_reason)}" if webhook.disabled_reason else ""
        return f"It was disabled{since}{reason}. What waits for it is held until it is enabled."
    if webhook.failing_since:
        since = marks.relative(webhook.failing_since, now)
        return f"It began to fail {since}: if that goes on, the gateway disables it and tells its owner."
    return "It gets the events it subscribes to."


def analysed(request: HttpRequest, webhook: Webhook) -> list[Panel]:
    """The figures that its owner gets from the API, drawn."""
    now = timezone.now()
    found = analytics(webhook, days=DAYS - 1, now=now.replace(hour=0, minute=0, second=0, microsecond=0))
    by_day = {day["at"]: day for day in found["series"]}
    slots = charts.days_until(now, DAYS, deliveries_url(webhook))
    return [_ends(by_day, slots, now), _times(by_day, slots, now), _sums(found), _errors(found)]


def _ends(by_day: Days, slots: list[Slot], now: datetime) -> Panel:
    ended = {day: (row["delivered"] + row["failed"], row["failed"]) for day, row in by_day.items()}
    number, failed = charts.at_days(ended, now, DAYS)
    good = [all_ - bad for all_, bad in zip(number, failed, strict=True)]
    series = [Series("delivered", Tone.GOOD, good), Series("given up", Tone.BAD, failed)]
    empty, note = f"Nothing in {DAYS} days.", f"The last {DAYS} days, UTC"
    return charts.columns("Deliveries by day", slots, series, empty=empty, note=note)


def _times(by_day: Days, slots: list[Slot], now: datetime) -> Panel:
    times = charts.of_days({day: row["p95"] for day, row in by_day.items()}, now, DAYS)
    note = "p95: 95 % of a day's attempts were faster"
    return charts.heights("Time to answer by day", slots, "p95", times, empty="No attempt was timed.", note=note)


def _errors(found: dict[str, Any]) -> Panel:
    rows = [(marks.clipped(row["error"], 70), marks.number(row["count"])) for row in found["topErrors"][:SHOWN]]
    empty = f"No attempt has failed in {DAYS} days."
    return table("What went wrong", ("Error", "Times"), rows, empty=empty, note=f"The last {DAYS} days", wide=False)


def _sums(found: dict[str, Any]) -> Panel:
    ended = found["delivered"] + found["failed"]
    tries = found["attemptsPerDelivery"]
    return facts(
        "How it goes",
        Fact(
            "Success rate",
            marks.percent(found["delivered"], ended),
            f"of {ended:,} deliveries that have ended" if ended else "",
        ),
        Fact("Waiting", marks.number(found["pending"]), "due, scheduled, in flight or held"),
        Fact("Attempts per delivery", marks.NOTHING if tries is None else f"{tries:.2f}"),
        *(
            Fact(name, marks.milliseconds(took), "" if took is None else f"{name[1:]} % of attempts are faster")
            for name, took in found["durationMs"].items()
        ),
        note=f"The last {DAYS} days, as its owner gets them from the API",
    )


def settings(request: HttpRequest, webhook: Webhook) -> Panel:
    grace = webhook.previous_secret_until
    signs = f"the former one signs, too, until {grace:%d %b %H:%M} UTC" if grace and grace > timezone.now() else ""
    attempts = max_attempts(webhook.retry_schedule, webhook.max_retries)
    pace = f"{webhook.rate_limit} a second" if webhook.rate_limit else "as fast as it answers"
    return facts(
        "Settings",
        Fact("Webhook id", marks.code(webhook.pk)),
        Fact("URL", webhook.url),
        Fact("Events", marks.words(webhook.events)),
        Fact("Description", webhook.description or marks.NOTHING),
        Fact("Retries", f"{webhook.retry_schedule}, at most {attempts} attempts in all"),
        Fact("Pace", f"{pace}, {'in strict order' if webhook.ordered else 'in any order'}"),
        Fact("Signing secret", "set, stored encrypted", signs),
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
