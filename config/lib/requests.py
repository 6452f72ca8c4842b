"""What every request is asked: where it came from, and which route it means."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponseBase]


def client_address(request: HttpRequest) -> str:
    """The caller's address. ``X-Forwarded-For`` is believed only as far as our own proxies wrote it (the Nth from the
    right), and not at all without them."""
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    count = settings.TRUSTED_PROXY_COUNT
    if 1 <= count <= len(hops) and hops[-count]:
        return hops[-count]
    return request.META.get("REMOTE_ADDR") or "unknown"


def slash_tolerant(get_response: Handler) -> Handler:
    """API routes have no trailing slash; one is forgiven, without a redirect that would turn a POST into a GET."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if path.startswith("/api/") and path.endswith("/") and len(path) > len("/api/"):
            request.path_info = path.rstrip("/")
        return get_response(request)

    return middleware
