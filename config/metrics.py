"""``/metrics``: the figures of this machine's processes, and what database and Valkey know of the whole system."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST

import bulk_orders.metrics
import webhooks.metrics
from config.lib import backup
from config.lib.errors import Forbidden, as_json
from config.lib.metrics import door
from config.lib.metrics.scrape import exposition
from config.lib.metrics.truths import DatabaseTruths, Pulses
from config.lib.requests import client_address

TRUTHS = (*webhooks.metrics.TRUTHS, *bulk_orders.metrics.TRUTHS, *backup.TRUTHS)


def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus: by token, or from a network that may (see `door.permitted`)."""
    if not door.permitted(request.headers.get("Authorization"), _address(request)):
        return as_json(Forbidden())
    return HttpResponse(exposition((DatabaseTruths(TRUTHS), Pulses())), content_type=CONTENT_TYPE_LATEST)


def _address(request: HttpRequest) -> str:
    # A proxy that nobody has counted in TRUSTED_PROXY_COUNT would make the whole world look like loopback.
    uncounted = not settings.TRUSTED_PROXY_COUNT and "X-Forwarded-For" in request.headers
    return "unknown" if uncounted else client_address(request)
