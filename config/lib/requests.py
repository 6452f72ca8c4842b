"""What every request is asked: where it came from, and which route it means."""

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.lib.errors import BadRequest, as_json

# Of a request through a Unix socket, or one whose proxy wrote something else. Columns of addresses take nothing looser.
NO_ADDRESS = "0.0.0.0"  # noqa: S104  # nosec B104  # nothing is bound to it
_WITH_PORT = re.compile(r"([\d.]+):\d+|\[([\da-fA-F:.]+)\](?::\d+)?")

Handler = Callable[[HttpRequest], HttpResponseBase]


def client_address(request: HttpRequest) -> str:
    """The caller's address. ``X-Forwarded-For`` is believed only as far as our own proxies wrote it (the Nth from the
    right), and not at all without them."""
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    count = settings.TRUSTED_PROXY_COUNT
    address = hops[-count] if 1 <= count <= len(hops) else request.META.get("REMOTE_ADDR", "")
    return _canonical(address)


@lru_cache(maxsize=1024)  # asked several times a request, and of few callers in a row
def _canonical(address: str) -> str:
    with_port = _WITH_PORT.fullmatch(address)  # as some proxies write it
    try:
        parsed = ipaddress.ip_address(with_port[1] or with_port[2] if with_port else address)
    except ValueError:
        return NO_ADDRESS
    # A socket for both families tells IPv4 so; lists of who may call name it in its own form.
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def slash_forgiven(get_response: Handler) -> Handler:
    """Forgive a trailing slash, without a redirect that turns POST into GET."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if path.startswith("/api/") and path.endswith("/") and len(path) > len("/api/"):
            request.path_info = path.rstrip("/")
        return get_response(request)

    return middleware


def nul_refused(get_response: Handler) -> Handler:
    """Refuse what no column could hold. Within the gate of the API: such a call is counted and written down as any."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return as_json(BadRequest("The address holds a NUL character", code="invalid_text"))
        return get_response(request)

    return middleware
