"""How much a caller may call: per integration, per user, per address for those whom we do not know."""

import ipaddress
import logging
import time
from collections.abc import Mapping
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from redis import RedisError

from config.lib import rate_limits
from config.lib.errors import TooManyRequests
from config.lib.metrics.values import Counter
from config.lib.rate_limits import Place, Verdict, Window, WindowState
from config.lib.requests import client_address
from integrations import lockout
from integrations.caller import Caller
from integrations.lockout import LockedOut
from integrations.models import Integration

logger = logging.getLogger(__name__)

# Rises while Valkey is down: callers are let through, and nobody is limited or locked out.
UNLIMITED = Counter("gateway_api_calls_unlimited", "Calls let through uncounted, since Valkey did not answer.")


def windows_for(integration: Integration | None = None) -> tuple[Window, Window]:
    """The limits of an integration, else everybody's."""
    minute = (integration and integration.rate_per_minute) or settings.API_RATE_PER_MINUTE
    hour = (integration and integration.rate_per_hour) or settings.API_RATE_PER_HOUR
    return Window("minute", minute, 60), Window("hour", hour, 3600)


class Admission(NamedTuple):
    """Whether a call may go on, and what it is told of its limits either way."""

    headers: Mapping[str, str]
    refusal: TooManyRequests | None


def admit(request: HttpRequest, caller: Caller) -> Admission:
    """Count this call. A key that was guessed at from here is refused, right as it may be now.

    Without Valkey every call passes, as if it were the first: callers matter more than limits.
    """
    windows = windows_for(caller.integration)
    identity = _identity(request, caller)
    guard = [lockout.place_of(caller.pair)] if caller.pair else []
    try:
        verdict = rate_limits.ask([*(Place(identity, window) for window in windows), *guard])
    except RedisError as error:
        logger.warning("rate_limits_unavailable", exc_info=error)
        UNLIMITED.inc()
        states = tuple(WindowState(window, window.limit, window.seconds) for window in windows)
        verdict = Verdict(True, states, int(time.time()), 0)
    own = verdict._replace(states=verdict.states[: len(windows)])
    return Admission(rate_limits.headers(own), _refusal(verdict))


def _refusal(verdict: Verdict) -> TooManyRequests | None:
    if verdict.allowed:
        return None
    last = verdict.states[-1]
    if last.window is lockout.FAILURES and not last.remaining:
        return LockedOut(verdict.retry_after)
    return TooManyRequests(f"Rate limit exceeded; try again in {verdict.retry_after} seconds")


def _identity(request: HttpRequest, caller: Caller) -> str:
    if caller.integration:
        return f"integration:{caller.integration.pk}"
    return f"user:{caller.user_id}" if caller.user_id else f"address:{_network(client_address(request))}"


def _network(address: str) -> str:
    """IPv6 callers are counted by their /64: one line of theirs holds more addresses than we could remember."""
    if ipaddress.ip_address(address).version == 4:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False))
