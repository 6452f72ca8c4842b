"""The opening of a WebSocket: an HTTP request like any other, plus the question of which page asks."""

from collections.abc import Awaitable, Callable, MutableMapping
from io import BytesIO
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http.request import validate_host
from django.utils.http import is_same_domain

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_HTTP = {"ws": "http", "wss": "https"}
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def request_of(scope: Scope) -> ASGIRequest:
    """The handshake as a GET request, with the address, headers and cookies that it came with."""
    scheme = _HTTP.get(scope.get("scheme", "ws"), "http")
    return ASGIRequest(dict(scope, type="http", method="GET", scheme=scheme), BytesIO())


def from_allowed_origins(application: Application) -> Application:
    """`application` for well-formed handshakes to our own host that no foreign page makes; a bare 403 for others.

    Browsers ask nobody before they send cookies to a WebSocket of another site. Programs send no ``Origin``.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        await (application if _is_welcome(scope) else WebsocketDenier())(scope, receive, send)

    return guard


def _is_welcome(scope: Scope) -> bool:
    try:
        request = request_of(scope)
        host, _ = request.get_host(), request.GET
    except (SuspiciousOperation, UnicodeDecodeError):
        return False
    origin = request.headers.get("Origin")
    return origin is None or _is_allowed(origin, host)


def _is_allowed(origin: str, host: str) -> bool:
    try:
        parsed = urlsplit(origin)
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    if parsed.scheme not in {"http", "https"} or not parsed.hostname:
        return False
    # Where any host will do, ALLOWED_HOSTS names none: then a page may call the host that it came from, and no other.
    named = [pattern for pattern in settings.ALLOWED_HOSTS if pattern != "*"]
    if len(named) < len(settings.ALLOWED_HOSTS):
        named += [*_LOOPBACK, *([_bracketed(name)] if name else [])]
    return validate_host(_bracketed(parsed.hostname), named) or _is_trusted(origin)


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _is_trusted(origin: str) -> bool:
    """Whether CSRF_TRUSTED_ORIGINS has it, exactly or by a wildcard such as ``https://*.example.com``."""
    scheme, _, netloc = origin.lower().partition("://")
    trusted = (pattern.lower().partition("://") for pattern in settings.CSRF_TRUSTED_ORIGINS)
    return any(scheme == wanted and is_same_domain(netloc, name.removeprefix("*")) for wanted, _, name in trusted)
