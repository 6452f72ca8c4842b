"""API keys, API secrets and request signatures. Pure: no database, no clock of its own.

A key names an integration (``ak_<Unix ms>_<32 hex>``); a secret proves it: ``sk_``, 43 letters and digits (256 random
bits) and six more that are the CRC-32 of what stands before them. The checksum lets a scanner or a client tell a secret
from a typing error without asking us; it proves nothing about who holds it.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import string
import zlib

from config.lib.ids import new_id

SIGNATURE_WINDOW_SECONDS = 300

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_API_KEY = re.compile(r"ak_\d{13}_[0-9a-f]{32}", re.ASCII)
_API_SECRET = re.compile(r"(sk_[0-9A-Za-z]{43})([0-9A-Za-z]{6})", re.ASCII)


def new_api_key() -> str:
    return new_id("ak", 32)


def new_api_secret() -> str:
    head = "sk_" + "".join(secrets.choice(_BASE62) for _ in range(43))
    return head + _checksum(head)


def is_api_key(text: str) -> bool:
    """Whether `text` has the shape of a key; anything else need not be looked up."""
    return _API_KEY.fullmatch(text) is not None


def is_api_secret(text: str) -> bool:
    """Whether `text` was issued as a secret, as far as its checksum can tell."""
    parts = _API_SECRET.fullmatch(text)
    return parts is not None and _checksum(parts[1]) == parts[2]


def same_text(ours: str, theirs: str) -> bool:
    """Compare in a time that tells nothing of where the two differ."""
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogateescape"))


def request_signature(secret: str, *, timestamp: str, method: str, target: str, body: bytes) -> str:
    """``X-API-Signature`` as a client makes it: lower-case hex HMAC-SHA256, keyed with the secret's text.

    The message is four lines: `timestamp` (Unix seconds, as sent), the METHOD, `target` (the path, and ``?query`` if
    there is one, as sent) and the lower-case hex SHA-256 of the body.
    """
    digest = hashlib.sha256(body).hexdigest()
    return signature_of_digest(secret, timestamp=timestamp, method=method, target=target, body_sha256=digest)


def signature_of_digest(secret: str, *, timestamp: str, method: str, target: str, body_sha256: str) -> str:
    """The same, of a body that was hashed as it arrived."""
    message = f"{timestamp}\n{method.upper()}\n{target}\n{body_sha256}"
    return hmac.new(secret.encode(), message.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


def is_timely(timestamp: str, now: float) -> bool:
    """Whether a signed request's time is within five minutes of `now` (Unix seconds), either way."""
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
    return is_number and abs(int(timestamp) - now) <= SIGNATURE_WINDOW_SECONDS


def parse_basic(header: str) -> tuple[str, str] | None:
    """Key and secret out of ``Authorization: Basic …`` (RFC 7617), or None where it is not one."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    key, colon, secret = pair.partition(":")
    return (key, secret) if colon else None


def _checksum(text: str) -> str:
    rest, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = _BASE62[digit] + digits
    return digits
