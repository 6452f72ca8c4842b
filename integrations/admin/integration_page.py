"""What an integration's page tells: how much it is used, what it may do, and the state of its credentials."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from config.lib.console import charts, marks
from config.lib.console.charts import Series
from config.lib.console.marks import Tone
from config.lib.console.records import Fact, Panel, Record, facts, source, table, user_names
from integrations import scopes, throttles
from integrations.admin.tones import code_badge, status_badge
from integrations.configuration import masked
from integrations.models import Integration, IntegrationStatus, Template, UsageLog
from integrations.reports import usage_summary
from webhooks.managed import managed_id
from webhooks.models import Webhook

DAYS = 31
SHOWN = 12
BUSIEST = 8


def record(integration: Any) -> Record:
    shown = (
        Fact("Owner", marks.record_link(type(integration.user), integration.user_id, integration.user.get_username())),
        Fact("Type", integration.get_type_display()),
        Fact("Accepted calls", marks.number(integration.calls)),
        Fact("Last call", marks.when(integration.last_call)),
        Fact("Created", marks.when(integration.created_at)),
    )
    now = timezone.now()
    return Record(integration.name, status_badge(integration, now), sentence(integration, now), shown)


def sentence(integration: Integration, now: datetime) -> str:
    if integration.is_suspended:
        reason = f": {marks.clause(integration.suspended_reason)}" if integration.suspended_reason else ""
        return f"Staff have suspended it{reason}. Its key is refused until staff lift that."
    if integration.expires_at and integration.expires_at <= now:
        return f"It expired {marks.relative(integration.expires_at, now)}: its key is refused."
    return {
        IntegrationStatus.PENDING: "It has not been activated yet: its key is refused until it is.",
        IntegrationStatus.INACTIVE: "Its owner has switched it off: its key is refused.",
        IntegrationStatus.ACTIVE: "Its key is accepted.",
    }[IntegrationStatus(integration.status)]


def used(request: HttpRequest, integration: Integration) -> list[Panel]:
    """The figures that its owner gets from the API, drawn."""
    now = timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found = usage_summary(integration_id=integration.pk, days=DAYS - 1, now=midnight)
    return [_calls(integration, found, now), _pace(integration, found), _endpoints(found)]


def _calls(integration: Integration, found: dict[str, Any], now: datetime) -> Panel:
    by_day = {_midnight(row["day"]): (row["calls"], row["errors"]) for row in found["byDay"]}
    calls, errors = charts.at_days(by_day, now, DAYS)
    fine = [number - bad for number, bad in zip(calls, errors, strict=True)]
    series = [Series("answered", Tone.WAITING, fine), Series("errors", Tone.BAD, errors)]
    slots = charts.days_until(now, DAYS, calls_url(integration))
    note = f"The last {DAYS} days, UTC; an error is a reply of 400 or above"
    return charts.columns("Calls by day", slots, series, empty=f"No call in {DAYS} days.", note=note, wide=True)


def _midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def _pace(integration: Integration, found: dict[str, Any]) -> Panel:
    calls, errors, times = found["calls"], found["errors"], found["responseTime"]
    limits = throttles.windows_for(integration)
    return facts(
        "How it goes",
        Fact("Error rate", marks.percent(errors, calls), f"{errors:,} of {calls:,} calls" if calls else ""),
        *(
            Fact(name, marks.milliseconds(took), "" if took is None else f"{name[1:]} % of calls are answered faster")
            for name, took in times.items()
        ),
        Fact("Limits", ", ".join(f"{window.limit:,} per {window.name}" for window in limits)),
        note=f"The last {DAYS} days, as its owner gets them from the API",
    )


def _endpoints(found: dict[str, Any]) -> Panel:
    rows = [
        (
            marks.code(marks.clipped(f"{row['method']} {row['endpoint']}")),
            marks.number(row["calls"]),
            marks.share(row["errors"], row["calls"], f"{row['errors']:,} of {row['calls']:,} calls"),
            marks.milliseconds(row["p95"]),
        )
        for row in found["byEndpoint"][:BUSIEST]
    ]
    headers = ("Endpoint", "Calls", "Errors", "p95")
    return table("What it calls", headers, rows, empty="Nothing yet.", note=f"The last {DAYS} days", wide=False)


def rights(request: HttpRequest, integration: Integration) -> Panel:
    rows = [(marks.code(name), scopes.DESCRIPTIONS.get(name, "")) for name in integration.scopes]
    empty = "It has no scope: its key may only ask who it is."
    shown = _reach(integration) if scopes.holds_privilege(integration.scopes) else ""
    return table("Scopes", ("Scope", "What it allows"), rows, empty=empty, note=shown, wide=False)


def _reach(integration: Integration) -> str:
    ids = integration.reachable_user_ids()
    names = user_names(list(ids), User.objects)
    return f"Privileged scopes reach the orders of {', '.join(names.get(pk, f'user {pk}') for pk in ids)}"


def credentials(request: HttpRequest, integration: Integration) -> Panel:
    now = timezone.now()
    until = integration.previous_valid_until
    former = (
        f"the pair before works until {until:%d %b %H:%M} UTC, {_former_use(integration)}"
        if until and until > now
        else ""
    )
    networks = marks.words(integration.allowed_networks) if integration.allowed_networks else "any address"
    return facts(
        "Credentials",
        Fact("API key", marks.code(integration.api_key)),
        Fact("API secret", "set, stored encrypted", former),
        Fact("Calls must be signed", "yes" if integration.require_signature else "no"),
        Fact("Allowed from", networks),
        Fact("Expires", marks.when(integration.expires_at) if integration.expires_at else "never"),
        Fact("Integration id", marks.code(integration.pk)),
    )


def _former_use(integration: Integration) -> str:
    at = integration.previous_used_at
    return f"last used {at:%d %b %H:%M} UTC from {integration.previous_used_from}" if at else "not used since"


def told_at(request: HttpRequest, integration: Integration) -> Panel:
    webhook_id = managed_id(integration.pk)
    if webhook_id is None:
        return facts("Webhook", Fact("URL", "none: it is not told of events"))
    return facts(
        "Webhook",
        Fact("URL", integration.webhook_url),
        Fact("Endpoint", marks.record_link(Webhook, webhook_id), "Its deliveries, health and analytics"),
        Fact("Signing secret", "set, stored encrypted"),
    )


def configured(request: HttpRequest, integration: Integration) -> Panel:
    template = integration.template
    shown = masked(integration.config or {}, template.config_schema if template else None)
    note = "Secrets are masked"
    if template:
        made_from = marks.record_link(Template, template.pk, template.name)
        note = format_html("Made from the template {}; secrets are masked", made_from)
    return source("Config", shown or None, note=note, empty="Nothing is configured.", wide=False)


def latest(request: HttpRequest, integration: Integration) -> Panel:
    newest = UsageLog.objects.filter(integration_id=integration.pk).order_by("-timestamp", "-id")[:SHOWN]
    rows = [
        (
            marks.when(log.timestamp),
            marks.record_link(UsageLog, log.pk, marks.code(f"{log.method} {log.endpoint}")),
            code_badge(log.status_code),
            marks.milliseconds(log.response_time),
            marks.clipped(log.error),
        )
        for log in newest
    ]
    headers = ("At", "Call", "Reply", "Took", "Error")
    link = (calls_url(integration), "All its calls")
    return table("Newest calls", headers, rows, empty="It has made no call yet.", link=link)


def calls_url(integration: Integration) -> str:
    return marks.list_url(UsageLog, integration__id__exact=integration.pk)
