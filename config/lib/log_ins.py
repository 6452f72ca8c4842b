"""Log-ins in the audit log, through the API and the console alike: who came in, who was turned away, who is locked out.

Whoever guesses is counted and locked out by django-axes, which is told of every attempt; this is its handler. Passwords
that are set are noted here, too, and staff lift a lockout here.
"""

from datetime import datetime
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max, Sum
from django.http import HttpRequest

from config.lib import audit, logs
from config.lib.metrics.values import Counter
from config.lib.requests import client_address

LOG_INS = Counter("gateway_log_ins", "Log-ins through API and console by what became of them.", ["outcome"])


class AuditedHandler(AxesDatabaseHandler):  # type: ignore[misc]  # untyped
    def user_logged_in(self, sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        super().user_logged_in(sender, request, user, **kwargs)
        if request.method:  # else a program has made itself a session, which is nobody's log-in
            LOG_INS.labels("logged_in").inc()
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
        LOG_INS.labels("refused").inc()
        # As it was typed, whether or not somebody has that name.
        target = ("username", str(credentials.get("username", "")))
        audit.record_refusal(action, target=target, address=client_address(request), reason=reason)


class PasswordsNoted:
    """A "validator", for Django tells those of every password that was set. Of one that is set by a request, the page
    that it came from writes down who did it and from where; this is for the command line."""

    def validate(self, password: str, user: Any = None) -> None:
        """Takes any."""

    def get_help_text(self) -> str:
        return ""

    def password_changed(self, password: str, user: User) -> None:
        if not logs.request_id():
            audit.record("user.password_set", target=user, actor=None)


def locked_out_until(*, username: str | None, address: str | None, now: datetime) -> datetime | None:
    """When a name can log in again from an address at the latest; None: it can now."""
    since = now - settings.AXES_COOLOFF_TIME
    attempts = AccessAttempt.objects.filter(username=username, ip_address=address, attempt_time__gte=since)
    found = attempts.aggregate(failures=Sum("failures_since_start", default=0), last=Max("attempt_time"))
    return found["last"] + settings.AXES_COOLOFF_TIME if found["failures"] >= settings.AXES_FAILURE_LIMIT else None


def lift_lockout(*, username: str, address: str | None, actor: User, reason: str, actor_address: str) -> None:
    """Forget the wrong passwords of a name from an address, with every program that they came from."""
    with transaction.atomic():
        AccessAttempt.objects.filter(username=username, ip_address=address).delete()
        before = {"lockedOutFrom": address}
        target = ("username", username)
        audit.record(
            "user.lockout_lifted", target=target, actor=actor, address=actor_address, before=before, reason=reason
        )
