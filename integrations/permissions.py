"""What an API key may do, view by view. Views state ``required_scopes``; people with a session need none."""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from config.lib.errors import Forbidden
from integrations.models import Integration
from integrations.scopes import permits

# A key with any scopes, or none, may call this.
ANY_KEY: Final = ""


class InsufficientScope(Forbidden):
    """An API key called what its scopes do not cover, or what no key may call."""

    def __init__(self, needed: str | None) -> None:
        message = f"This API key lacks the scope {needed}" if needed else "This is not open to API keys"
        super().__init__(message, code="insufficient_scope")


class HasScope(BasePermission):
    """Session callers pass. Key callers need the scope in ``view.required_scopes[action]`` (or ``[method]`` where the
    view has no actions); a view without that entry is closed to them."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Integration) or not _answers(request, view):
            return True
        needed = _needed(request, view)
        if needed is None or not (needed == ANY_KEY or permits(request.auth.scopes, needed)):
            raise InsufficientScope(needed)
        return True


def _answers(request: Request, view: Any) -> bool:
    """Whether the view has this method at all: if not, its 405 is to be seen, not a lack of scope."""
    return hasattr(view, str(request.method).lower())


def _needed(request: Request, view: Any) -> str | None:
    scopes: Mapping[str, str] = getattr(view, "required_scopes", {})
    action: Any = getattr(view, "action", None) or request.method
    return scopes.get(action)
