"""Whom a request is taken to come from."""

from typing import Any

import pytest
from django.test import RequestFactory

from config.lib.requests import NO_ADDRESS, client_address


@pytest.mark.parametrize(
    ("hop", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:50123", "203.0.113.9"),
        ("2001:DB8::0:9", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("[2001:db8::9]:50123", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:", NO_ADDRESS),
        ("203.0.113.9:50123:1", NO_ADDRESS),
        ("203.0.113", NO_ADDRESS),
        ("[203.0.113.9", NO_ADDRESS),
        ("unknown", NO_ADDRESS),
        ("", NO_ADDRESS),
    ],
)
def test_an_address_is_read_however_a_proxy_writes_it(settings: Any, hop: str, address: str) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    request = RequestFactory().get("/", headers={"X-Forwarded-For": f"198.51.100.1, {hop}"})
    assert client_address(request) == address


@pytest.mark.parametrize(
    ("proxies", "address"), [(0, "127.0.0.1"), (1, "10.0.0.3"), (2, "10.0.0.2"), (3, "10.0.0.1"), (4, "127.0.0.1")]
)
def test_only_what_our_own_proxies_wrote_is_believed(settings: Any, proxies: int, address: str) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    request = RequestFactory().get("/", headers={"X-Forwarded-For": "10.0.0.1,10.0.0.2 , 10.0.0.3"})
    assert client_address(request) == address
