"""Who makes a request: a person with a session, or an integration with a key, of which little is known here."""

from collections.abc import Collection
from typing import Protocol, cast

from django.contrib.auth.models import User
from rest_framework.request import Request


class Integration(Protocol):
    """What `request.auth` is for a call made with a key."""

    id: str
    user_id: int

    def reachable_user_ids(self) -> Collection[int]:
        """Whose orders its privileged scopes reach."""


def integration_of(request: Request) -> Integration | None:
    return cast("Integration | None", request.auth)


def user_of(request: Request) -> User:
    """The person, or the owner of the key. Every view here demands authentication."""
    return cast("User", request.user)


def identity_of(request: Request) -> str:
    """For what is kept per caller: two integrations of one user are two callers."""
    integration = integration_of(request)
    return integration.id if integration else f"user:{user_of(request).pk}"
