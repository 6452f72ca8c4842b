from typing import Any

import pytest

from integrations.checks import GATE, SESSIONS, check_classes, check_gate, check_limits


def test_the_settings_as_they_are_pass() -> None:
    assert check_gate() + check_classes() + check_limits() == []


@pytest.mark.parametrize("middleware", [[], [GATE], [SESSIONS], [GATE, SESSIONS]])
def test_a_missing_or_early_gate_is_an_error(settings: Any, middleware: list[str]) -> None:
    settings.MIDDLEWARE = middleware
    assert [error.id for error in check_gate()] == ["integrations.E001"]


@pytest.mark.parametrize("setting", ["DEFAULT_AUTHENTICATION_CLASSES", "DEFAULT_PERMISSION_CLASSES"])
def test_views_that_would_not_ask_for_scopes_are_an_error(settings: Any, setting: str) -> None:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {setting: []}
    assert [error.id for error in check_classes()] == ["integrations.E002"]


def test_a_limit_of_nothing_is_an_error(settings: Any) -> None:
    settings.API_RATE_PER_HOUR = 0
    assert [error.id for error in check_limits()] == ["integrations.E003"]
