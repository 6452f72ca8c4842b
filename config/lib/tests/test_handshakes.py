"""Which handshakes get as far as a socket."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator

from config.lib.handshakes import Receive, Scope, Send, from_allowed_origins, request_of

# The channels library closes database connections around each of its consumers.
pytestmark = pytest.mark.django_db


async def open_to_all(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await receive()


def is_welcome(headers: dict[str, bytes], path: str = "/ws/") -> bool:
    async def story() -> bool:
        named = [(name.encode(), value) for name, value in headers.items()]
        communicator = WebsocketCommunicator(from_allowed_origins(open_to_all), path, headers=named)
        accepted, _ = await communicator.connect()
        await communicator.disconnect()
        return bool(accepted)

    return async_to_sync(story)()


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        (b"https://gateway.example", True),
        (b"https://gateway.example:8443", True),
        (b"http://GATEWAY.example", True),
        (b"https://console.partner.example", True),
        (b"https://trusted.example", True),
        (b"https://any.wild.example", True),
        (b"http://trusted.example", False),
        (b"https://trusted.example:444", False),
        (b"https://wild.example.evil.example", False),
        (b"https://gateway.example.evil.example", False),
        (b"https://evil.example", False),
        (b"https://evil.example/gateway.example", False),
        (b"https://gateway.example@evil.example", False),
        (b"file://gateway.example", False),
        (b"null", False),
        (b"", False),
        (b"https://[", False),
        (b"https://\xff", False),
    ],
)
def test_a_page_must_come_from_an_allowed_host(settings: Any, origin: bytes, welcome: bool) -> None:
    settings.ALLOWED_HOSTS = ["gateway.example", ".partner.example"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example", "https://*.wild.example"]
    assert is_welcome({"host": b"gateway.example", "origin": origin}) is welcome


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        (b"http://gateway.example:8000", True),
        (b"http://localhost:5173", True),
        (b"http://127.0.0.1", True),
        (b"http://[::1]:8000", True),
        (b"http://evil.example", False),
    ],
)
def test_where_any_host_will_do_a_page_may_call_its_own(settings: Any, origin: bytes, welcome: bool) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert is_welcome({"host": b"gateway.example:8001", "origin": origin}) is welcome


def test_a_page_at_an_ipv6_address_may_call_it(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert is_welcome({"host": b"[2001:db8::1]:8001", "origin": b"http://[2001:db8::1]:8000"})


def test_programs_send_no_origin() -> None:
    assert is_welcome({"host": b"testserver"})


def test_a_host_that_is_not_ours_is_refused(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["gateway.example"]
    assert not is_welcome({"host": b"evil.example"})


def test_a_query_that_is_no_text_or_has_no_end_is_refused() -> None:
    assert not is_welcome({}, "/ws/?" + "&".join(f"a{number}=1" for number in range(2000)))
    scope = {"type": "websocket", "path": "/ws/", "query_string": b"\xff", "headers": []}
    with pytest.raises(UnicodeDecodeError):
        request_of(scope)


def test_the_handshake_is_a_get_of_the_same_scheme() -> None:
    request = request_of({"type": "websocket", "scheme": "wss", "path": "/ws/a", "query_string": b"b=c", "headers": []})
    assert (request.method, request.scheme, request.get_full_path()) == ("GET", "https", "/ws/a?b=c")
