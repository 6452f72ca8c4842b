from typing import Any

import pytest

from bulk_orders import checks


def test_the_settings_as_shipped_pass() -> None:
    assert checks.check_limits() == checks.check_schedule() == []


@pytest.mark.parametrize("name", checks.LIMITS)
def test_a_limit_below_one_is_an_error(settings: Any, name: str) -> None:
    setattr(settings, name, 0)
    assert [(error.id, error.msg) for error in checks.check_limits()] == [
        ("bulk_orders.E001", f"{name} must be at least 1")
    ]


def test_the_sweep_must_be_scheduled(settings: Any) -> None:
    settings.CELERY_BEAT_SCHEDULE = {}
    assert [error.id for error in checks.check_schedule()] == ["bulk_orders.E002"] * 2
