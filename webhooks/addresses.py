"""Which URLs and addresses a webhook may call, so that nobody reaches our own network through us (SSRF).

One rule for create, update, test and delivery. What counts is `is_refused` on the address of the socket about to be
opened: names may resolve differently a second later. The checks on URLs only tell the customer earlier.
"""

import ipaddress
import re
import socket
import threading
from collections.abc import Iterable
from functools import lru_cache
from queue import Empty, SimpleQueue
from urllib.parse import quote, urlsplit, urlunsplit

import idna

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

URL_MAX = 2048
SCHEMES = ("http", "https")
RESOLVE_SECONDS = 1.0
RESOLVING_MAX = 16
HOST_MAX = 253
NOT_A_URL = "URL must be a valid http or https address"

_FORBIDDEN_CHARACTERS = re.compile(r"[\x00-\x20\x7f\\]")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_NUMERIC_END = re.compile(r"(^|\.)(\d+|0x[0-9a-f]*)$")
_KEPT = "/%:@!$&'()*+,;=~?[]"  # not to be quoted again in a path or query

# IANA special-purpose registries and what clouds hide behind public-looking addresses. `is_global` alone lets
# several of these through (multicast, 192.88.99.0/24, 192.0.0.192, 168.63.129.16).
_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
# Everything outside 2000::/3 is refused: loopback, mapped and compatible forms, NAT64, ULA, link- and site-local,
# multicast, SRv6. Inside it, what tunnels to an IPv4 address or is not for the public.
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


class RefusedUrl(ValueError):
    """The URL may not be called; the message is a sentence for the customer."""


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """CIDRs of the operator's exceptions; raises ValueError on a malformed one."""
    return tuple(ipaddress.ip_network(text.strip()) for text in texts if text.strip())


@lru_cache(maxsize=4096)
def is_refused(address: str, allowed: tuple[Network, ...] = ()) -> bool:
    """Whether no socket may be opened to `address`. `allowed` are the operator's exceptions."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return True
    if any(parsed in network for network in allowed):
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return any(parsed in network for network in _REFUSED_V4)
    return parsed.scope_id is not None or parsed not in _PUBLIC_V6 or any(parsed in network for network in _REFUSED_V6)


def host_of(url: str, *, require_https: bool = False) -> str:
    """The lower-case ASCII host of an acceptable URL, without brackets or trailing dot; raises RefusedUrl."""
    if len(url) > URL_MAX:
        raise RefusedUrl(f"URL must have at most {URL_MAX} characters")
    if _FORBIDDEN_CHARACTERS.search(url):
        raise RefusedUrl("URL must not contain spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        host, port = _ascii_host(parts.hostname or ""), parts.port
    except ValueError as error:
        raise RefusedUrl(NOT_A_URL) from error
    if parts.scheme not in SCHEMES or port == 0 or ("[" in parts.netloc and ":" not in host):  # [v1.fe80]: no address
        raise RefusedUrl(NOT_A_URL)
    if "@" in parts.netloc:
        raise RefusedUrl("URL must not contain a user name or password")
    if require_https and parts.scheme != "https":
        raise RefusedUrl("URL must use https")
    return host


def _ascii_host(host: str) -> str:
    """IDNA 2008 with the mapping of browsers (UTS 46), so that full-width digits and dots show what they are."""
    mapped = host if host.isascii() else idna.encode(host, uts46=True).decode()
    bare = mapped.lower().removesuffix(".")
    if len(bare) > HOST_MAX or not (_HOST_NAME.fullmatch(bare) or ":" in bare):
        raise ValueError(f"not a host name: {host!r}")
    return bare


def literal_address(host: str) -> str | None:
    """The address that a host spells (also as 127.1, 0177.0.0.1, 0x7f000001, 2130706433), None for a name.

    Raises RefusedUrl where it looks like an address but is none, which resolvers read each in their own way.
    """
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        if not _NUMERIC_END.search(host) and ":" not in host:
            return None
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError as error:
        raise RefusedUrl(NOT_A_URL) from error


def check_url(url: str, *, allowed: tuple[Network, ...] = (), require_https: bool = False) -> None:
    """Whether a webhook may be given this URL; raises RefusedUrl.

    Takes up to a second for the name server. A name that does not resolve today passes: delivery decides.
    """
    host = host_of(url, require_https=require_https)
    literal = literal_address(host)
    addresses = [literal] if literal else resolve(host)
    if any(is_refused(address, allowed) for address in addresses):
        raise RefusedUrl("URL must not point to a private or reserved address")


def resolve(host: str, *, seconds: float = RESOLVE_SECONDS) -> list[str]:
    """The addresses of a name, or none if that takes longer than `seconds`."""
    if host == "localhost" or host.endswith(".localhost"):
        return ["127.0.0.1", "::1"]  # RFC 6761: without asking anyone, as libcurl does
    if not _resolving.acquire(blocking=False):
        return []
    answer: SimpleQueue[list[str]] = SimpleQueue()
    threading.Thread(target=_resolve_into, args=(host, answer), daemon=True, name="resolve").start()
    try:
        return answer.get(timeout=seconds)
    except Empty:
        return []


# getaddrinfo can't be interrupted: a thread that hangs is left behind, and this bounds how many.
_resolving = threading.BoundedSemaphore(RESOLVING_MAX)


def _resolve_into(host: str, answer: SimpleQueue[list[str]]) -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    finally:
        _resolving.release()
    answer.put([str(sockaddr[0]) for *_, sockaddr in found])


def wire_url(url: str) -> str:
    """The URL in ASCII, as a request line needs it."""
    if url.isascii():
        return url
    parts = urlsplit(url)
    host = _ascii_host(parts.hostname or "")
    netloc = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, netloc, quote(parts.path, _KEPT), quote(parts.query, _KEPT), ""))
