"""Kinds of integration that we know: what their config holds, what they may do, what they are told of.

Pure data. The rows of ``integration_templates`` come from here, by a data migration; staff may change them afterwards.
"""

from typing import Any, Final, NamedTuple

Schema = dict[str, Any]

ALL_EVENTS: Final = (
    "order.created",
    "order.updated",
    "order.completed",
    "order.failed",
    "payment.received",
    "payment.failed",
    "bulk_order.completed",
)
_ENDS: Final = ("order.completed", "order.failed", "payment.received", "payment.failed")

# What an integration with a webhook URL is told of, unless its template says otherwise.
DEFAULT_EVENTS: Final[dict[str, tuple[str, ...]]] = {
    "payment_gateway": ("order.created", "order.updated"),
    "rta": ("order.updated",),
    "nav_provider": (),
    "email_service": _ENDS,
    "sms_service": _ENDS,
    "analytics": ALL_EVENTS,
    "custom": (),
}


class Entry(NamedTuple):
    id: str
    type: str
    name: str
    description: str
    config_schema: Schema


def _text(title: str, **more: Any) -> Schema:
    return {"type": "string", "title": title, "minLength": 1, "maxLength": 500} | more


def _secret(title: str) -> Schema:
    """`writeOnly` (JSON Schema 2020-12, validation 9.4): never shown again, masked in every reply."""
    return _text(title, writeOnly=True)


def _url(title: str) -> Schema:
    return _text(title, format="uri", pattern="^https?://", maxLength=2048)


def _choice(title: str, *values: str) -> Schema:
    return {"type": "string", "title": title, "enum": list(values)}


def _config(*required: str, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_ENVIRONMENT = _choice("Environment", "sandbox", "production")
_REGISTRAR = _config(
    "brokerCode",
    brokerCode=_text("ARN of the distributor", pattern="^ARN-[0-9]{1,6}$"),
    userId=_text("User id at the registrar"),
    password=_secret("Password at the registrar"),
    feedFormat=_choice("Format of the transaction feed", "dbf", "csv", "json"),
    environment=_ENVIRONMENT,
)

TEMPLATES: Final = (
    Entry(
        "razorpay",
        "payment_gateway",
        "Razorpay",
        "Collects the payment of an order and reports it back.",
        _config(
            "keyId",
            "keySecret",
            keyId=_text("Key id", pattern="^rzp_(test|live)_[0-9A-Za-z]+$"),
            keySecret=_secret("Key secret"),
            webhookSecret=_secret("Secret of Razorpay's own webhooks"),
            accountId=_text("Linked account (Route)"),
        ),
    ),
    Entry(
        "payu",
        "payment_gateway",
        "PayU",
        "Collects the payment of an order and reports it back.",
        _config(
            "merchantKey",
            "salt",
            merchantKey=_text("Merchant key"),
            salt=_secret("Salt, version 2"),
            environment=_ENVIRONMENT,
        ),
    ),
    Entry("cams", "rta", "CAMS", "Registrar and transfer agent: settles orders and returns folio and NAV.", _REGISTRAR),
    Entry(
        "kfintech",
        "rta",
        "KFintech",
        "Registrar and transfer agent: settles orders and returns folio and NAV.",
        _REGISTRAR,
    ),
    Entry(
        "amfi-nav",
        "nav_provider",
        "AMFI NAV",
        "The daily net asset values that AMFI publishes.",
        _config(
            feedUrl=_url("Address of NAVAll.txt"),
            schemeCodes={
                "type": "array",
                "title": "Only these schemes",
                "items": _text("Code", pattern="^[0-9]{5,6}$"),
            },
            refreshAt=_text("Time of day, IST", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$"),
        ),
    ),
    Entry(
        "sendgrid",
        "email_service",
        "SendGrid",
        "Tells investors by e-mail how their orders ended.",
        _config(
            "apiKey",
            "fromEmail",
            apiKey=_secret("API key"),
            fromEmail=_text("Sender", format="email", pattern="^[^@ ]+@[^@ ]+$"),
            fromName=_text("Sender's name"),
            templateId=_text("Dynamic template", pattern="^d-[0-9a-f]{32}$"),
        ),
    ),
    Entry(
        "msg91",
        "sms_service",
        "MSG91",
        "Tells investors by SMS how their orders ended.",
        _config(
            "authKey",
            "senderId",
            authKey=_secret("Authentication key"),
            senderId=_text("Sender id registered with DLT", pattern="^[A-Z]{6}$"),
            flowId=_text("Flow id"),
            route=_choice("Route", "transactional", "promotional"),
        ),
    ),
    Entry(
        "analytics-sink",
        "analytics",
        "Analytics sink",
        "Receives every event, for a warehouse or a dashboard.",
        _config(
            dataset=_text("Name of the data set"),
            samplePercent={"type": "number", "title": "Share of events kept", "minimum": 0, "maximum": 100},
        ),
    ),
    Entry(
        "custom",
        "custom",
        "Custom",
        "Anything else: config of your own, with the scopes of a trading front end.",
        {"type": "object", "additionalProperties": True},
    ),
)
