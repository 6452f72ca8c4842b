"""Bad configuration, found at start and named, instead of at three in the morning."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.checks import Error
from django.utils.module_loading import import_string

from webhooks.addresses import parse_networks

# Name of the setting, what it must satisfy, and that in words.
_NUMBERS: tuple[tuple[str, Callable[[float], bool], str], ...] = (
    ("WEBHOOK_TIMEOUT_SECONDS", lambda value: 0 < value <= 60, "above 0 and at most 60"),
    ("WEBHOOK_MAX_RETRIES", lambda value: 1 <= value <= 20, "from 1 to 20"),
    ("WEBHOOK_RETRY_BASE_SECONDS", lambda value: value > 0, "above 0"),
    ("WEBHOOK_RETRY_MAX_SECONDS", lambda value: value > 0, "above 0"),
    ("WEBHOOK_DISABLE_AFTER_FAILED", lambda value: value >= 1, "at least 1"),
    ("WEBHOOK_DISABLE_AFTER_HOURS", lambda value: value >= 1, "at least 1"),
    ("WEBHOOK_DISABLE_MIN_MINUTES", lambda value: value >= 0, "at least 0"),
    ("WEBHOOK_RETENTION_DAYS", lambda value: value >= 1, "at least 1"),
)


def check_settings(**_: Any) -> list[Error]:
    return [*_networks(), *_numbers(), *_secret_keeper()]


def _networks() -> list[Error]:
    try:
        parse_networks(settings.WEBHOOKS_ALLOWED_NETWORKS)
    except ValueError as error:
        hint = "A comma list of CIDRs without host bits, e.g. 127.0.0.0/8,::1/128"
        return [Error(f"WEBHOOKS_ALLOWED_NETWORKS: {error}", hint=hint, id="webhooks.E001")]
    return []


def _numbers() -> list[Error]:
    return [
        Error(f"{name} must be {words}; it is {getattr(settings, name)}", id="webhooks.E002")
        for name, is_fine, words in _NUMBERS
        if not is_fine(getattr(settings, name))
    ]


def _secret_keeper() -> list[Error]:
    try:
        import_string(settings.WEBHOOKS_KEEP_MANAGED_SECRET)
    except ImportError as error:
        return [Error(f"WEBHOOKS_KEEP_MANAGED_SECRET: {error}", id="webhooks.E003")]
    return []
