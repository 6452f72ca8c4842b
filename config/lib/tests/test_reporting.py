"""A defect reaches Sentry, over its own protocol, with ids and without secrets."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest

from config.lib.environment import CHECKOUT

DEFECT = """
import logging
import django
from django.conf import settings
from django.test import Client
from django.urls import path

def view(request):
    secret = "sk_0123456789abcdef0123456789abcdef"
    raise ValueError(f"refused {secret}")

urlpatterns = [path("broken", view)]
django.setup()
settings.ROOT_URLCONF = "__main__"
settings.DATABASES = {}
Client(raise_request_exception=False).post(
    "/broken", {"password": "hunter22"}, headers={"X-Request-Id": "r-17", "Authorization": "Bearer abcdef0123456789"}
)
"""


class Sentry(BaseHTTPRequestHandler):
    received: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Encoding"] == "br"  # as soon as the package is there, which static files need
        lines = brotli.decompress(body).splitlines()
        self.received.extend(json.loads(line) for line in lines)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def sentry() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The DSN of a receiver, and the lines of the envelopes that it got."""
    received: list[dict[str, Any]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Sentry,), {"received": received}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://public@127.0.0.1:{server.server_address[1]}/1", received
    server.shutdown()
    server.server_close()


def run(**environment: str) -> None:
    subprocess.run([sys.executable, "-c", DEFECT], check=True, cwd=CHECKOUT, env=os.environ | environment, timeout=60)


def test_a_defect_is_reported_with_its_ids_and_no_secret(sentry: tuple[str, list[dict[str, Any]]]) -> None:
    dsn, received = sentry
    run(SENTRY_DSN=dsn, DJANGO_SETTINGS_MODULE="config.settings")
    events = [line for line in received if "exception" in line]
    assert events
    for event in events:
        assert event["tags"]["request_id"] == "r-17"
        assert event["exception"]["values"][-1]["type"] == "ValueError"
    told = json.dumps(received)
    assert "refused [redacted]" in told
    for secret in ("sk_0123", "hunter22", "abcdef0123456789"):
        assert secret not in told


def test_without_a_dsn_nothing_is_sent(sentry: tuple[str, list[dict[str, Any]]]) -> None:
    run(SENTRY_DSN="", DJANGO_SETTINGS_MODULE="config.settings")
    assert sentry[1] == []
