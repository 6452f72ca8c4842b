"""Settings under which keys would not be judged, or limits not counted: found at start, not by a stranger."""

from django.conf import settings
from django.core.checks import CheckMessage, Error

GATE = "integrations.middleware.api_gate"
SESSIONS = "django.contrib.auth.middleware.AuthenticationMiddleware"


def check_gate(**_: object) -> list[CheckMessage]:
    """integrations.E001: without the gate, or before sessions are known, there are no limits, keys or log."""
    order = [name for name in settings.MIDDLEWARE if name in (GATE, SESSIONS)]
    if order == [SESSIONS, GATE]:
        return []
    return [Error(f"{GATE} must be in MIDDLEWARE, after {SESSIONS}", id="integrations.E001")]


def check_classes(**_: object) -> list[CheckMessage]:
    """integrations.E002: a view is closed to keys only if keys are seen first, and their scopes asked for."""
    framework = settings.REST_FRAMEWORK
    sees_keys = framework["DEFAULT_AUTHENTICATION_CLASSES"][:1] == ["integrations.authentication.ApiKeyAuthentication"]
    asks_scopes = "integrations.permissions.HasScope" in framework["DEFAULT_PERMISSION_CLASSES"]
    if sees_keys and asks_scopes:
        return []
    message = "REST_FRAMEWORK must authenticate by ApiKeyAuthentication first and ask for HasScope by default"
    return [Error(message, id="integrations.E002")]


def check_limits(**_: object) -> list[CheckMessage]:
    """integrations.E003: a limit below one shuts everybody out."""
    names = ("API_RATE_PER_MINUTE", "API_RATE_PER_HOUR")
    return [
        Error(f"{name} must be at least 1", id="integrations.E003") for name in names if getattr(settings, name) < 1
    ]
