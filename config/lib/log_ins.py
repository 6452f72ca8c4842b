"""Log-ins in the audit log, through the API and the console alike: who came in, who was turned away, who is locked out.

Whoever guesses is counted and locked out by django-axes, which is told of every attempt; this is its handler.
"""

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.contrib.auth.models import User
from django.http import HttpRequest

from config.lib import audit
from config.lib.requests import client_address


class AuditedHandler(AxesDatabaseHandler):  # type: ignore[misc]  # untyped
    def user_logged_in(self, sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        super().user_logged_in(sender, request, user, **kwargs)
        if request.method:  # else a program has made itself a session, which is nobody's log-in
            audit.record("user.logged_in", target=user, actor=user, address=client_address(request))

    def user_logged_out(self, sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
        super().user_logged_out(sender, request, user, **kwargs)
        if user is not None:
            audit.record("user.logged_out", target=user, actor=user, address=client_address(request))

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
    ) -> None:
        super().user_login_failed(sender, credentials, request, **kwargs)
        if request is None:
            return
        action, reason = "user.login_refused", "Wrong name or password"
        if self.is_locked(request, credentials):
            action, reason = "user.locked_out", "Too many failed log-ins"
        # As it was typed, whether or not somebody has that name.
        target = ("user", str(credentials.get("username", "")))
        audit.record_refusal(action, target=target, address=client_address(request), reason=reason)
