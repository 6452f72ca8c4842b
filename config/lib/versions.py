"""Versions of the API that are on their way out say so themselves, in every reply (see docs/versions.md)."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import http_date

Handler = Callable[[HttpRequest], HttpResponseBase]
_API = re.compile(r"/api/(?:(v\d+)/)?")


class Retirement(NamedTuple):
    """What is known of a version's end: since when nobody should begin with it, when it goes, and where to read on."""

    deprecated: datetime
    sunset: datetime
    read_on: str

    def headers(self) -> dict[str, str]:
        """`Deprecation` (RFC 9745) is a structured date, `Sunset` (RFC 8594) an HTTP date."""
        return {
            "Deprecation": f"@{int(self.deprecated.timestamp())}",
            "Sunset": http_date(self.sunset.timestamp()),
            "Link": f'<{self.read_on}>; rel="deprecation", <{self.read_on}>; rel="sunset"',
        }


def version_of(path: str) -> str | None:
    """The version that a path asks for, the bare one the default; None where it is none of the API's."""
    match = _API.match(path)
    return (match[1] or settings.REST_FRAMEWORK["DEFAULT_VERSION"]) if match else None


def retirement_told(get_response: Handler) -> Handler:
    """By the path alone, so that refusals that never reach a view tell it too."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        retirements: Mapping[str, Retirement] = settings.API_RETIREMENTS
        retirement = retirements.get(version_of(request.path) or "")
        for name, value in (retirement.headers() if retirement else {}).items():
            # A list's own Link leads to its pages.
            response.headers[name] = ", ".join(filter(None, [response.headers.get(name), value]))
        return response

    return middleware
