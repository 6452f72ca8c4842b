"""What browsers are told with every reply: whose scripts may run, who may frame it, and that it is for HTTPS alone."""

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db
PAGES = ("/admin/login/", "/api/docs", "/api/auth/me", "/api/no-such-route", "/livez")


@pytest.mark.parametrize("path", PAGES)
def test_only_our_own_scripts_run_and_nobody_frames_a_reply(path: str) -> None:
    headers = Client().get(path).headers
    rules = dict(rule.strip().partition(" ")[::2] for rule in headers["Content-Security-Policy"].split(";"))
    assert (rules["default-src"], rules["object-src"], rules["frame-ancestors"]) == ("'self'", "'none'", "'none'")
    assert set(rules["script-src"].split()) == {"'self'", "'unsafe-eval'"}
    told = (headers["X-Frame-Options"], headers["X-Content-Type-Options"], headers["Referrer-Policy"])
    assert told == ("DENY", "nosniff", "same-origin")


@pytest.mark.parametrize("path", PAGES)
def test_over_https_a_reply_asks_for_https_from_now_on(path: str, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    told = Client().get(path, secure=True).headers["Strict-Transport-Security"]
    assert told == "max-age=31536000; includeSubDomains; preload"


def test_a_host_that_is_not_ours_gets_nothing(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["gateway.example"]
    assert Client(headers={"host": "evil.example"}).get("/api/auth/me").status_code == 400
    assert Client(headers={"host": "gateway.example"}).get("/api/auth/me").status_code == 401
