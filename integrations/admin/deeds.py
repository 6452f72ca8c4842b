"""What staff do to integrations: each deed one call of a service."""

import ipaddress
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from config.lib.console.deeds import Deed, Doing, Once, Trouble
from config.lib.console.questions import Reason
from config.lib.console.records import user_names
from integrations import scopes, services
from integrations.models import Integration, IntegrationStatus
from webhooks import managed

CHANGE, SUSPEND, REVEAL = (
    f"integrations.{name}" for name in ("change_integration", "suspend_integration", "reveal_secret")
)
SHOWN_ONCE = "It is shown this once. Hand it to its owner by a safe channel; what you did is in the audit log."
SCOPES = [(name, f"{name}: {text}") for name, text in scopes.DESCRIPTIONS.items()]


class Regeneration(forms.Form):
    grace_hours = forms.IntegerField(
        min_value=0,
        max_value=services.MAX_GRACE_HOURS,
        initial=0,
        help_text="For this long the old pair works, too; 0: not at all",
    )


class Grant(forms.Form):
    scopes = forms.MultipleChoiceField(choices=SCOPES, required=False, widget=forms.CheckboxSelectMultiple)
    acts_for = forms.CharField(
        required=False,
        help_text="User names, commas between, of those whose orders privileged scopes reach; empty: its owner alone",
    )
    rate_per_minute = forms.IntegerField(min_value=1, required=False, help_text="Calls; empty: the gateway's default")
    rate_per_hour = forms.IntegerField(min_value=1, required=False, help_text="Calls; empty: the gateway's default")

    def clean_acts_for(self) -> list[int] | None:
        names = [part.strip() for part in self.cleaned_data["acts_for"].split(",") if part.strip()]
        found = dict(User.objects.filter(username__in=names).values_list("username", "pk"))
        if unknown := [name for name in names if name not in found]:
            raise ValidationError(f"No user has the name {', '.join(unknown)}")
        return [found[name] for name in names] or None


class Guard(forms.Form):
    allowed_networks = forms.CharField(
        required=False, widget=forms.Textarea, help_text="Networks its calls may come from, one a line; empty: any"
    )
    expires_at = forms.DateTimeField(required=False, help_text="UTC; from then on its key is refused. Empty: never")
    require_signature = forms.BooleanField(
        required=False, help_text="Calls must be signed; a secret sent along is refused"
    )

    def clean_allowed_networks(self) -> list[str]:
        try:
            return [str(ipaddress.ip_network(line)) for line in self.cleaned_data["allowed_networks"].split()]
        except ValueError as error:
            raise ValidationError(f"{error}") from None


def _suspend(doing: Doing) -> str:
    services.suspend(integration=doing.target, actor=doing.actor, reason=doing.answers["reason"], address=doing.address)
    return "The integration is suspended: its key is refused from now on"


def _activate(doing: Doing) -> str:
    services.activate(integration=doing.target, actor=doing.actor, address=doing.address)
    return "The integration is active"


def _grant(doing: Doing) -> str:
    services.grant(integration=doing.target, actor=doing.actor, changes=doing.answers, address=doing.address)
    return "What the integration may do is changed"


def _guard(doing: Doing) -> str:
    services.update(integration=doing.target, actor=doing.actor, changes=doing.answers, address=doing.address)
    return "From where and how the integration may call is changed"


def _regenerate(doing: Doing) -> Once:
    row = services.regenerate(
        integration=doing.target, actor=doing.actor, address=doing.address, grace_hours=doing.answers["grace_hours"]
    )
    return Once("The new API credentials", [("API key", row.api_key), ("API secret", row.api_secret)], SHOWN_ONCE)


def _reveal(doing: Doing) -> Once:
    target: Integration = doing.target
    shown = [("API key", target.api_key), ("API secret", target.api_secret)]
    if target.webhook_secret:
        shown.append(("Webhook signing secret", target.webhook_secret))
    return Once("The integration's secrets", shown, SHOWN_ONCE)


def _test(doing: Doing) -> str:
    webhook_id = managed.managed_id(doing.target.pk)
    if webhook_id is None:
        return Trouble("The integration has no URL to be told at")
    reply = managed.send_test(webhook_id)
    return str(reply["message"]) if reply["success"] else Trouble(reply["message"])


def _granted(integration: Integration) -> dict[str, Any]:
    return {
        "scopes": integration.scopes,
        "acts_for": ", ".join(user_names(integration.acts_for or [], User.objects).values()),
        "rate_per_minute": integration.rate_per_minute,
        "rate_per_hour": integration.rate_per_hour,
    }


def _guarded(integration: Integration) -> dict[str, Any]:
    return {
        "allowed_networks": "\n".join(integration.allowed_networks),
        "expires_at": integration.expires_at,
        "require_signature": integration.require_signature,
    }


DEEDS = (
    Deed(
        "test",
        "Test its URL",
        "network_check",
        CHANGE,
        "One test event is sent now, and its outcome shown.",
        _test,
        asks=False,
        in_list=False,
        is_atomic=False,
        audited="integration.tested",
        applies=lambda integration, _: bool(integration.webhook_url),
    ),
    Deed(
        "grant",
        "Scopes and limits",
        "tune",
        CHANGE,
        "What its key may do, for whom, and how often.",
        _grant,
        form_class=Grant,
        submit="Save",
        in_list=False,
        initial=_granted,
    ),
    Deed(
        "guard",
        "Access rules",
        "shield",
        CHANGE,
        "From where its key may be used, until when, and whether calls must be signed.",
        _guard,
        form_class=Guard,
        submit="Save",
        in_list=False,
        initial=_guarded,
    ),
    Deed(
        "activate",
        "Activate",
        "play_arrow",
        SUSPEND,
        "Its key works from now on; a suspension is lifted.",
        _activate,
        applies=lambda integration, _: integration.status != IntegrationStatus.ACTIVE,
    ),
    Deed(
        "regenerate",
        "Regenerate keys",
        "key",
        CHANGE,
        "It gets a new key and secret, which its owner must be given.",
        _regenerate,
        form_class=Regeneration,
        in_list=False,
        is_dangerous=True,
    ),
    Deed(
        "reveal-secret",
        "Reveal secrets",
        "visibility",
        REVEAL,
        "Its secrets are shown to you, and that they were is written down.",
        _reveal,
        form_class=Reason,
        in_list=False,
        audited="integration.secret_revealed",
    ),
    Deed(
        "suspend",
        "Suspend",
        "block",
        SUSPEND,
        "Its key is refused from its next call on, until staff lift the suspension.",
        _suspend,
        form_class=Reason,
        is_dangerous=True,
        applies=lambda integration, _: not integration.is_suspended,
    ),
)
