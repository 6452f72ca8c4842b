"""How the console looks: one accent, our own style sheet and script beside unfold's, all of it served from here."""

from django.http import HttpRequest
from django.templatetags.static import static

_PETROL = {
    "50": "oklch(97.5% .012 215)",
    "100": "oklch(94.5% .028 214)",
    "200": "oklch(89.5% .052 213)",
    "300": "oklch(82.5% .082 213)",
    "400": "oklch(74% .108 214)",
    "500": "oklch(64.5% .112 216)",
    "600": "oklch(50% .094 219)",
    "700": "oklch(44% .081 220)",
    "800": "oklch(38.5% .068 221)",
    "900": "oklch(33.5% .056 223)",
    "950": "oklch(25% .044 226)",
}


def primary(request: HttpRequest) -> dict[str, str]:
    return _PETROL


def styles(request: HttpRequest) -> str:
    return static("console/console.css")


def icon(request: HttpRequest) -> str:
    return static("console/icon.svg")


def scripts(request: HttpRequest) -> str:
    return static("console/console.js")
