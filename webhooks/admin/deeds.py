"""What staff do to endpoints and deliveries: each deed one call of a service."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from config.lib.console.deeds import Deed, Doing, Once, Trouble
from config.lib.console.marks import counted, duration
from config.lib.console.questions import Reason
from webhooks import services
from webhooks.disabling import disable
from webhooks.events import EventName
from webhooks.models import Delivery, DeliveryStatus, RetrySchedule, Webhook

CHANGE, RETRY, REVEAL = "webhooks.change_webhook", "webhooks.change_delivery", "webhooks.reveal_secret"
SUBSCRIBABLE = [(name.value, name.value) for name in EventName if name is not EventName.WEBHOOK_TEST]
SHOWN_ONCE = "It is shown this once. Hand it to its owner by a safe channel; what you did is in the audit log."


class Replay(forms.Form):
    since = forms.DateTimeField(help_text="UTC, e.g. 2026-11-22 09:00", widget=forms.DateTimeInput)
    until = forms.DateTimeField(required=False, help_text="UTC; empty: now")
    events = forms.MultipleChoiceField(
        choices=SUBSCRIBABLE,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: all that the endpoint subscribes to",
    )
    statuses = forms.MultipleChoiceField(
        choices=DeliveryStatus.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: whatever became of them, and those that were never delivered here",
    )


class Rotation(forms.Form):
    grace_hours = forms.IntegerField(
        min_value=0,
        max_value=168,
        initial=services.DEFAULT_GRACE_HOURS,
        help_text="For this long the old secret signs, too",
    )


class Settings(forms.Form):
    url = forms.URLField(label="URL", max_length=2048, assume_scheme="https")
    description = forms.CharField(max_length=1000, required=False, widget=forms.Textarea)
    events = forms.MultipleChoiceField(choices=SUBSCRIBABLE, widget=forms.CheckboxSelectMultiple)
    retry_schedule = forms.ChoiceField(choices=RetrySchedule.choices)
    max_retries = forms.IntegerField(
        min_value=1, max_value=20, required=False, help_text="Attempts in all; empty: 5, or 10 on the standard schedule"
    )
    rate_limit = forms.IntegerField(min_value=1, required=False, help_text="Deliveries a second; empty: no limit")
    ordered = forms.BooleanField(required=False, help_text="One at a time, in the order of events")


def _test(doing: Doing) -> str:
    return _outcome("The test event", services.send_test(webhook=doing.target))


def _retry(doing: Doing) -> str:
    return _outcome("The delivery", services.retry(delivery=doing.target).delivery)


def _send_again(doing: Doing) -> str:
    return _outcome("The delivery", services.retry(delivery=doing.target, force=True).delivery)


def _outcome(what: str, delivery: Delivery) -> str:
    took = duration(delivery.duration_ms or 0)
    if delivery.status == DeliveryStatus.DELIVERED:
        return f"{what} was answered with HTTP {delivery.response_code} in {took}"
    return Trouble(f"{what} failed after {took}: {delivery.error}")


def _retry_soon(doing: Doing) -> str:
    number = services.retry_soon(delivery_ids=[delivery.pk for delivery in doing.target])
    others = "; the others have been delivered, or are being sent" if number < len(doing.target) else ""
    return f"{number} of {len(doing.target)} due now{others}"


def _enable(doing: Doing) -> str:
    services.update(webhook=doing.target, changes={"active": True}, actor=doing.actor, address=doing.address)
    return "The endpoint is active again, and what was held for it is due"


def _disable(doing: Doing) -> str:
    disable(
        webhook_id=doing.target.pk,
        reason=doing.answers["reason"],
        now=timezone.now(),
        actor=doing.actor,
        address=doing.address,
    )
    return "The endpoint gets nothing any more, what waits for it is held, and its owner is told"


def _edit(doing: Doing) -> str:
    services.update(webhook=doing.target, changes=doing.answers, actor=doing.actor, address=doing.address)
    return "The endpoint's settings are changed"


def _retry_failed(doing: Doing) -> str:
    number = services.retry_failed(webhook=doing.target).number
    return f"{counted(number, 'failed delivery', 'failed deliveries')} due again, for one attempt each"


def _count(doing: Doing) -> str:
    number = services.replay(webhook=doing.target, dry_run=True, **_selection(doing))
    return f"{counted(number, 'event')} would be sent again"


def _replay(doing: Doing) -> str:
    number = services.replay(webhook=doing.target, **_selection(doing))
    return f"{counted(number, 'event')} queued to be sent again"


def _selection(doing: Doing) -> dict[str, Any]:
    answers = doing.answers
    return answers | {"events": answers["events"] or None, "statuses": answers["statuses"] or None}


def _rotate(doing: Doing) -> Once:
    grace = doing.answers["grace_hours"]
    row = services.rotate_secret(webhook=doing.target, grace_hours=grace, actor=doing.actor, address=doing.address)
    return Once("The new signing secret", [("Signing secret", row.secret)], SHOWN_ONCE)


def _reveal(doing: Doing) -> Once:
    return Once("The signing secret", [("Signing secret", doing.target.secret)], SHOWN_ONCE)


def _is_free(webhook: Webhook, _: object) -> bool:
    return webhook.integration_id is None


WEBHOOK_DEEDS = (
    Deed(
        "test",
        "Send a test",
        "network_check",
        CHANGE,
        "One test event is sent now, and its outcome shown.",
        _test,
        asks=False,
        in_list=False,
        is_atomic=False,
        audited="webhook.tested",
    ),
    Deed(
        "edit",
        "Edit",
        "edit",
        CHANGE,
        "What the endpoint gets, and at what pace.",
        _edit,
        form_class=Settings,
        submit="Save",
        in_list=False,
        initial=lambda webhook: {name: getattr(webhook, name) for name in Settings.base_fields},
        applies=_is_free,
    ),
    Deed(
        "retry-failed",
        "Retry failed",
        "restart_alt",
        CHANGE,
        "Every failed delivery of the endpoint gets one more attempt, soon.",
        _retry_failed,
        audited="webhook.retried_failed",
    ),
    Deed(
        "replay",
        "Replay",
        "replay",
        CHANGE,
        "Events of a span of time are sent again, each under the id it had.",
        _replay,
        form_class=Replay,
        preview=_count,
        in_list=False,
        audited="webhook.replayed",
        initial=lambda _: {"since": timezone.now() - timedelta(hours=1)},
    ),
    Deed(
        "rotate-secret",
        "Rotate secret",
        "key",
        CHANGE,
        "A new secret signs from now on. Its owner must be given it.",
        _rotate,
        form_class=Rotation,
        in_list=False,
        is_dangerous=True,
    ),
    Deed(
        "reveal-secret",
        "Reveal secret",
        "visibility",
        REVEAL,
        "The signing secret is shown to you, and that it was is written down.",
        _reveal,
        form_class=Reason,
        in_list=False,
        audited="webhook.secret_revealed",
    ),
    Deed(
        "enable",
        "Enable",
        "play_arrow",
        CHANGE,
        "The endpoint starts anew, and what was held for it is sent.",
        _enable,
        applies=lambda webhook, _: _is_free(webhook, _) and not webhook.active,
    ),
    Deed(
        "disable",
        "Disable",
        "block",
        CHANGE,
        "The endpoint gets nothing until it is enabled again; what waits for it is held. Its owner is told the reason.",
        _disable,
        form_class=Reason,
        is_dangerous=True,
        applies=lambda webhook, _: _is_free(webhook, _) and webhook.active,
    ),
)

DELIVERY_DEEDS = (
    Deed(
        "retry",
        "Retry now",
        "restart_alt",
        RETRY,
        "The deliveries are due at once, for the workers to send.",
        _retry,
        run_many=_retry_soon,
        asks=False,
        is_atomic=False,
        audited="delivery.retried",
        applies=lambda delivery, _: delivery.status != DeliveryStatus.DELIVERED,
    ),
    Deed(
        "send-again",
        "Send again",
        "forward_to_inbox",
        RETRY,
        "It was delivered already: the endpoint gets it once more, under the same webhook-id.",
        _send_again,
        in_list=False,
        is_atomic=False,
        audited="delivery.sent_again",
        applies=lambda delivery, _: delivery.status == DeliveryStatus.DELIVERED,
    ),
)
