from typing import Any

import pytest

from webhooks.checks import check_settings


def test_the_defaults_are_fine() -> None:
    assert check_settings() == []


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("WEBHOOKS_ALLOWED_NETWORKS", ["127.0.0.1/8"], "webhooks.E001"),
        ("WEBHOOKS_ALLOWED_NETWORKS", ["localhost"], "webhooks.E001"),
        ("WEBHOOK_TIMEOUT_SECONDS", 0, "webhooks.E002"),
        ("WEBHOOK_TIMEOUT_SECONDS", 61, "webhooks.E002"),
        ("WEBHOOK_MAX_RETRIES", 21, "webhooks.E002"),
        ("WEBHOOK_RETRY_BASE_SECONDS", 0, "webhooks.E002"),
        ("WEBHOOK_DISABLE_MIN_MINUTES", -1, "webhooks.E002"),
        ("WEBHOOKS_KEEP_MANAGED_SECRET", "integrations.nowhere.at_all", "webhooks.E003"),
    ],
)
def test_bad_configuration_has_a_name(settings: Any, name: str, value: object, code: str) -> None:
    setattr(settings, name, value)
    (error,) = check_settings()
    assert error.id == code
    assert name in error.msg
