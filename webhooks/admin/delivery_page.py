"""What a delivery's page tells: what was sent, what came back, and every attempt phase by phase."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils import timezone

from config.lib.console import marks
from config.lib.console.marks import Tone
from config.lib.console.records import Fact, Panel, Record, facts, source, table
from webhooks.admin.tones import code_badge, delivery_badge, queue_state
from webhooks.delivery import USER_AGENT, max_attempts
from webhooks.models import Attempt, Delivery, DeliveryStatus, Event, Webhook

PHASES = (
    ("name", "name look-up"),
    ("connect", "connection"),
    ("tls", "TLS"),
    ("reply", "waiting for the reply"),
    ("total", "reading it"),
)
PHASE_TONES = (Tone.QUIET, Tone.ATTENTION, "tls", Tone.WAITING, Tone.GOOD)  # TLS has a colour of its own
SHOWN = 50


class Bar(NamedTuple):
    left: str
    width: str
    tone: str
    title: str


class Fall(NamedTuple):
    at: object
    bars: list[Bar]
    code: object
    took: object
    text: str


def record(delivery: Delivery) -> Record:
    shown = (
        Fact("Endpoint", marks.record_link(Webhook, delivery.webhook_id, marks.clipped(delivery.webhook.url, 60))),
        Fact("Event", marks.record_link(Event, delivery.source_id, delivery.event)),
        Fact("Reply", code_badge(delivery.response_code) if delivery.attempts else marks.NOTHING),
        Fact("Took", marks.milliseconds(delivery.duration_ms)),
        Fact("Created", marks.when(delivery.created_at)),
    )
    waits = delivery.next_retry_at is not None
    return Record(
        delivery.event, delivery_badge(delivery), sentence(delivery, timezone.now()), shown, refresh=5 if waits else 0
    )


def sentence(delivery: Delivery, now: datetime) -> str:
    """What is going on, in words."""
    webhook = delivery.webhook
    most = max_attempts(webhook.retry_schedule, webhook.max_retries)
    so_far = f"{delivery.attempts} of {most} attempts made" if delivery.attempts else "Not sent yet"
    match queue_state(delivery, now):
        case "scheduled":
            assert delivery.next_retry_at is not None
            return f"{so_far}; the next one {marks.relative(delivery.next_retry_at, now)}."
        case "held":
            return f"{so_far}; held, because the endpoint is not active."
        case "":
            return _ending(delivery)
        case state:
            return f"{so_far}; {state}."


def _ending(delivery: Delivery) -> str:
    tries = marks.counted(delivery.attempts, "attempt")
    if delivery.status == DeliveryStatus.DELIVERED:
        return f"Delivered after {tries}."
    return f"Given up after {tries}: {marks.clause(delivery.error or 'no reason noted')}."


def waterfall(request: HttpRequest, delivery: Delivery) -> Panel:
    attempts = list(delivery.attempt_log.order_by("at", "id")[:SHOWN])
    longest = max((_total(attempt) for attempt in attempts), default=0.0) or 1.0
    falls = [_fall(number, attempt, longest) for number, attempt in enumerate(attempts, 1)]
    context = {"falls": falls, "legend": [(name, tone) for (_, name), tone in zip(PHASES, PHASE_TONES, strict=True)]}
    return Panel(
        "Attempts",
        "console/panels/waterfall.html",
        context,
        note="Each on the scale of the longest; phases as libcurl times them",
    )


def _fall(number: int, attempt: Attempt, longest: float) -> Fall:
    at = marks.link(marks.record_url(attempt, attempt.pk), marks.two(f"Attempt {number}", marks.when(attempt.at)))
    return Fall(
        at,
        list(_bars(attempt, longest)),
        code_badge(attempt.response_code),
        marks.milliseconds(attempt.duration_ms),
        attempt.error or "",
    )


def _total(attempt: Attempt) -> float:
    return float((attempt.timings or {}).get("total") or attempt.duration_ms)


def _bars(attempt: Attempt, longest: float) -> Iterator[Bar]:
    timings: dict[str, Any] = attempt.timings or {"total": attempt.duration_ms}
    start = 0.0
    for (key, name), tone in zip(PHASES, PHASE_TONES, strict=True):
        end = float(timings.get(key) or 0)
        if end > start:
            shade = Tone.BAD if attempt.error and key == "total" else tone
            yield Bar(
                f"{100 * start / longest:.2f}",
                f"{100 * (end - start) / longest:.2f}",
                shade,
                f"{name}: {end - start:.1f} ms",
            )
            start = end


def request_sent(request: HttpRequest, delivery: Delivery) -> Panel:
    lines = [
        f"POST {delivery.webhook.url}",
        "Content-Type: application/json",
        f"User-Agent: {USER_AGENT}",
        f"X-Webhook-Event: {delivery.event}",
        f"X-Webhook-Id: {delivery.webhook_id}",
        f"webhook-id: {delivery.source_id}",
        "X-Webhook-Timestamp, X-Webhook-Signature, webhook-timestamp, webhook-signature: made for each attempt",
        "",
        bytes(delivery.source.body).decode(errors="replace"),
    ]
    return source("Request", "\n".join(lines), note="The body is the exact bytes that are signed", wide=False)


def reply_received(request: HttpRequest, delivery: Delivery) -> Panel:
    last = delivery.attempt_log.order_by("-at", "-id").first()
    if last is None:
        return source("Last reply", None, empty="Nothing has been sent yet.", wide=False)
    return source(
        "Last reply",
        reply_text(last),
        note="At most 16 KiB of the body are read" + (", this one was cut" if last.truncated else ""),
        wide=False,
    )


def reply_text(attempt: Attempt) -> str:
    if attempt.response_code is None:
        return attempt.error or "No reply"
    headers = [f"{name}: {value}" for name, value in (attempt.response_headers or {}).items()]
    return "\n".join([f"HTTP {attempt.response_code}", *headers, "", attempt.response_body or "(no body)"])


def particulars(request: HttpRequest, delivery: Delivery) -> Panel:
    return facts(
        "Particulars",
        Fact("Delivery id", marks.code(delivery.pk)),
        Fact(
            "Event id", marks.record_link(Event, delivery.source_id), "The same on every attempt and at every endpoint"
        ),
        Fact("Goes as", delivery.get_lane_display(), "First attempts go ahead of retries, retries ahead of replays"),
        Fact("Last attempt", marks.when(delivery.last_attempt_at)),
        Fact("Next attempt", marks.when(delivery.next_retry_at)),
    )


def data_sent(request: HttpRequest, delivery: Delivery) -> Panel:
    return source("Data", delivery.payload, wide=False)


def attempt_record(attempt: Attempt) -> Record:
    delivery = attempt.delivery
    shown = (
        Fact("Delivery", marks.record_link(Delivery, delivery.pk)),
        Fact("Endpoint", marks.record_link(Webhook, delivery.webhook_id, marks.clipped(delivery.webhook.url, 60))),
        Fact("At", marks.when(attempt.at)),
        Fact("Took", marks.milliseconds(attempt.duration_ms)),
        Fact("Address", attempt.remote_ip or marks.NOTHING),
    )
    return Record(
        f"An attempt to deliver {delivery.event}",
        code_badge(attempt.response_code),
        attempt.error or "It was delivered.",
        shown,
    )


def attempt_phases(request: HttpRequest, attempt: Attempt) -> Panel:
    timings: dict[str, Any] = attempt.timings or {}
    ends = [float(timings.get(key) or 0) for key, _ in PHASES]
    rows = [Fact(name[0].upper() + name[1:], _phase(ends, number)) for number, (_, name) in enumerate(PHASES)]
    return facts("Phases", *rows, note="From the start of the attempt to the end of each")


def _phase(ends: list[float], number: int) -> object:
    if ends[number]:
        return marks.milliseconds(ends[number])
    # A connection that is used again has been looked up and opened before.
    return "not needed" if any(ends[number:]) else "not reached"


def attempt_reply(request: HttpRequest, attempt: Attempt) -> Panel:
    return source("Reply", reply_text(attempt), wide=False)


def event_deliveries(request: HttpRequest, event: Event) -> Panel:
    rows = event.deliveries.select_related("webhook").defer("payload", "webhook__secret", "webhook__previous_secret")
    cells = [
        (
            marks.record_link(Delivery, row.pk, marks.clipped(row.webhook.url, 60)),
            delivery_badge(row),
            marks.number(row.attempts),
            marks.when(row.last_attempt_at),
            marks.clipped(row.error),
        )
        for row in rows.order_by("webhook_id")[:SHOWN]
    ]
    headers = ("Endpoint", "Status", "Attempts", "Last attempt", "Error")
    return table(
        "Deliveries", headers, cells, empty="No endpoint subscribed to it when it happened; a replay can send it."
    )


def event_data(request: HttpRequest, event: Event) -> Panel:
    return source("Data", event.data)
