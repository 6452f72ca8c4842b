"""The one outbound door of deliveries: many HTTP requests in flight on one thread, by libcurl.

Made for receivers that hang, lie or attack: one deadline covers everything from the name look-up to the last byte, the
reply is read up to a limit and then cut off, redirects are not followed, and every address is checked as its socket is
about to be opened. A Transport belongs to one thread and lives as long as its process: closing libcurl waits for
look-ups that hang.
"""

import os
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import certifi
import pycurl

from webhooks.addresses import Network, is_refused, wire_url

BODY_MAX = 16 * 1024
HEADERS_MAX = 32 * 1024
TOO_LARGE = 100  # CURLE_TOO_LARGE, which pycurl does not name: a line of headers beyond libcurl's own limit
CONNECTIONS_KEPT = 512
NAMES_KEPT_SECONDS = 10
CONNECTION_LIFE_SECONDS = 300  # a moved name is followed at the latest then
# Sockets served before the ended ones are reported: of replies that were read and not yet reported, a death forgets so
# many. Fewer cost more looks: 8 a tenth of the processor time of a delivery, 16 little.
AT_ONCE = 16


class Failure(NamedTuple):
    """Why a request brought no complete reply, as a sentence; `permanent` if another try can't end otherwise."""

    sentence: str
    permanent: bool = False


@dataclass(slots=True, frozen=True)
class Request:
    """What to POST. `key` is the caller's own handle on it."""

    key: Any
    url: str
    headers: Sequence[str]
    body: bytes


@dataclass(slots=True, frozen=True)
class Reply:
    """How a request ended. With a `failure`, `code` may still say what status line came before it."""

    request: Request
    code: int | None
    headers: dict[str, str]
    body: bytes
    truncated: bool
    failure: Failure | None
    remote_ip: str | None
    duration_ms: int
    timings: dict[str, float]

    @property
    def ok(self) -> bool:
        return self.failure is None and self.code is not None and 200 <= self.code < 300


class Transport:
    """`send` starts requests, `wait` hands over those that have ended. Descriptors of others can wake it: `watch`."""

    def __init__(self, *, timeout: float, allowed: tuple[Network, ...] = (), ca_file: str | None = None) -> None:
        self._settings = _Settings(timeout, allowed, ca_file or os.environ.get("SSL_CERT_FILE") or certifi.where())
        self._selector = selectors.DefaultSelector()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, CONNECTIONS_KEPT)
        self._idle: list[_Exchange] = []
        self._busy: dict[pycurl.Curl, _Exchange] = {}
        self._stillborn: list[Reply] = []
        self._alarm: float | None = None

    @property
    def in_flight(self) -> int:
        return len(self._busy) + len(self._stillborn)

    def send(self, request: Request) -> None:
        exchange = self._idle.pop() if self._idle else _Exchange(self._settings)
        try:
            exchange.begin(request)
        except ValueError:  # a URL that no request line can carry
            self._idle.append(exchange)
            self._stillborn.append(unsent(request, Failure("The URL can't be called", permanent=True)))
            return
        self._busy[exchange.curl] = exchange
        self._multi.add_handle(exchange.curl)

    def wait(self, seconds: float) -> list[Reply]:
        """Let requests proceed until one has ended, a watched descriptor is readable, or `seconds` are over."""
        until = time.monotonic() + seconds
        last_look = False
        while True:
            self._ring_alarm()
            replies = self._ended()
            if replies or last_look:
                return replies
            left = until - time.monotonic()
            last_look = left <= 0
            for key, events in self._selector.select(self._patience(left))[:AT_ONCE]:
                if key.data is None:
                    self._multi.socket_action(key.fd, events)
                else:
                    key.data(events)
                    last_look = True

    def watch(self, descriptor: int, on_ready: Callable[[int], object], events: int = selectors.EVENT_READ) -> None:
        self._selector.register(descriptor, events, on_ready)

    def unwatch(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)

    def close(self) -> None:
        """Abandon what is in flight. May wait for a hung name look-up: for tests and the end of a process."""
        for curl in self._busy:
            self._multi.remove_handle(curl)
        self._multi.close()
        for exchange in (*self._idle, *self._busy.values()):
            exchange.curl.close()
        self._selector.close()

    def _on_socket(self, what: int, descriptor: int, _multi: object, known: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._selector.unregister(descriptor)
        elif known is None:
            self._selector.register(descriptor, what)  # libcurl's and selectors' bits agree: 1 reads, 2 writes
            self._multi.assign(descriptor, True)
        else:
            self._selector.modify(descriptor, what)

    def _on_timer(self, milliseconds: int) -> None:
        self._alarm = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def _ring_alarm(self) -> None:
        if self._alarm is not None and self._alarm <= time.monotonic():
            self._alarm = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def _patience(self, left: float) -> float:
        return max(0.0, left if self._alarm is None else min(left, self._alarm - time.monotonic()))

    def _ended(self) -> list[Reply]:
        replies, self._stillborn = self._stillborn, []
        more = 1
        while more:
            more, succeeded, failed = self._multi.info_read()
            replies += [self._take(curl, 0, "") for curl in succeeded]
            replies += [self._take(curl, number, message) for curl, number, message in failed]
        return replies

    def _take(self, curl: pycurl.Curl, number: int, message: str) -> Reply:
        exchange = self._busy.pop(curl)
        self._multi.remove_handle(curl)
        self._idle.append(exchange)
        return exchange.end(number, message)


class _Settings(NamedTuple):
    timeout: float
    allowed: tuple[Network, ...]
    ca_file: str


class _Exchange:
    """One reusable easy handle and what its callbacks collect."""

    __slots__ = ("_body", "_body_room", "_header_room", "_headers", "_refused", "_request", "_settings", "curl")

    def __init__(self, settings: _Settings) -> None:
        self._settings = settings
        self.curl = curl = pycurl.Curl()
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.PROXY, "")  # as is, libcurl would obey http_proxy and its kin in the environment
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.HTTP_CONTENT_DECODING, 0)
        curl.setopt(pycurl.CAINFO, settings.ca_file)
        curl.setopt(pycurl.DNS_CACHE_TIMEOUT, NAMES_KEPT_SECONDS)
        curl.setopt(pycurl.MAXLIFETIME_CONN, CONNECTION_LIFE_SECONDS)
        curl.setopt(pycurl.TIMEOUT_MS, int(settings.timeout * 1000))
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(settings.timeout * 1000))
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        curl.setopt(pycurl.HEADERFUNCTION, self._on_header)
        curl.setopt(pycurl.WRITEFUNCTION, self._on_body)

    def begin(self, request: Request) -> None:
        self.curl.setopt(pycurl.URL, wire_url(request.url))
        self.curl.setopt(pycurl.HTTPHEADER, request.headers)
        self.curl.setopt(pycurl.POSTFIELDS, request.body)
        self._request = request
        self._headers: list[bytes] = []
        self._body: list[bytes] = []
        self._header_room, self._body_room = HEADERS_MAX, BODY_MAX
        self._refused: str | None = None

    def end(self, number: int, message: str) -> Reply:
        timings = self._timings()
        return Reply(
            request=self._request,
            code=self.curl.getinfo(pycurl.RESPONSE_CODE) or None,
            headers=_parsed(self._headers),
            body=b"".join(self._body),
            truncated=self._body_room < 0,
            failure=self._failure(number, message, timings),
            remote_ip=self.curl.getinfo(pycurl.PRIMARY_IP) or None,
            duration_ms=round(timings["total"]),
            timings=timings,
        )

    def _open_socket(self, _purpose: int, address: Any) -> int:
        """Called by libcurl for every connection, after the name look-up: the one check that can't be raced."""
        host = address.addr[0]
        if self._refused or is_refused(host, self._settings.allowed):
            self._refused = self._refused or host
            return -1  # CURL_SOCKET_BAD
        return socket.socket(address.family, address.socktype, address.protocol).detach()

    def _on_header(self, line: bytes) -> int:
        if line.startswith(b"HTTP/"):  # another reply begins, after an interim one
            self._headers.clear()
        self._header_room -= len(line)
        self._headers.append(line)
        return len(line) if self._header_room >= 0 else 0

    def _on_body(self, part: bytes) -> int:
        self._body.append(part[: self._body_room])
        self._body_room -= len(part)
        return len(part) if self._body_room >= 0 else 0

    def _timings(self) -> dict[str, float]:
        """Milliseconds from the start to the end of each phase; 0 for one that was not reached."""
        return {name: self.curl.getinfo(option) / 1000 for name, option in _PHASES}

    def _failure(self, number: int, message: str, timings: dict[str, float]) -> Failure | None:
        if self._refused:
            return Failure(f"The address {self._refused} is private or reserved and may not be called", permanent=True)
        if number == 0 or (number == pycurl.E_WRITE_ERROR and self._body_room < 0):
            return None
        if self._header_room < 0 or number == TOO_LARGE:
            return Failure(f"The headers of the reply exceed {HEADERS_MAX // 1024} KiB")
        if number == pycurl.E_OPERATION_TIMEDOUT:
            return Failure(f"No complete reply within {self._settings.timeout:g} s: {self._hung_at(timings)}")
        return Failure(_SENTENCES.get(number, "The request failed") + (f" ({message})" if message else ""))

    def _hung_at(self, timings: dict[str, float]) -> str:
        # Asked first: on a connection that is used again, the phases before the request have no time.
        if self.curl.getinfo(pycurl.REQUEST_SIZE):
            return "the reply did not end" if timings["reply"] else "no reply came"
        encrypted = self._request.url.lower().startswith("https:")
        for name, sentence in _HUNG_AT.items():
            if not timings[name] and (encrypted or name != "tls"):
                return sentence
        return "the request could not be sent"


_PHASES = (
    ("name", pycurl.NAMELOOKUP_TIME_T),
    ("connect", pycurl.CONNECT_TIME_T),
    ("tls", pycurl.APPCONNECT_TIME_T),
    ("reply", pycurl.STARTTRANSFER_TIME_T),
    ("total", pycurl.TOTAL_TIME_T),
)
_HUNG_AT = {
    "name": "the name look-up took too long",
    "connect": "the connection was not accepted",
    "tls": "TLS was not agreed upon",
}
_SENTENCES = {
    pycurl.E_UNSUPPORTED_PROTOCOL: "The reply is not HTTP",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "The reply is not HTTP",
    pycurl.E_COULDNT_RESOLVE_HOST: "The host name could not be resolved",
    pycurl.E_COULDNT_CONNECT: "The connection failed",
    pycurl.E_PARTIAL_FILE: "The reply ended early",
    pycurl.E_GOT_NOTHING: "The connection was closed without a reply",
    pycurl.E_SEND_ERROR: "The connection broke while the request was sent",
    pycurl.E_RECV_ERROR: "The connection broke before the reply was complete",
    pycurl.E_SSL_CONNECT_ERROR: "TLS failed",
    pycurl.E_PEER_FAILED_VERIFICATION: "The certificate of the host is not trusted",
}


def unsent(request: Request, failure: Failure) -> Reply:
    """The end of a request that never left."""
    return Reply(request, None, {}, b"", False, failure, None, 0, {})


def _parsed(lines: list[bytes]) -> dict[str, str]:
    """Names in lower case; repeated fields joined by comma, as RFC 9110, 5.3 allows."""
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            key, text = name.strip().lower(), value.strip()
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers
