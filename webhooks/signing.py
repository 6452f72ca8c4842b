"""Signatures of deliveries, and how a receiver checks them.

Two schemes travel with every request: Standard Webhooks 1.0 (`webhook-signature`), which covers id, time and body, and
the older `X-Webhook-Signature`, which covers the body alone and stays for receivers that already verify it.
Secrets are text: `whsec_` + base64 of the key, or 16–256 characters of the customer's own, their UTF-8 bytes the key.
"""

import base64
import hmac
import secrets
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache

PREFIX = "whsec_"
GENERATED_KEY_BYTES = 32
KEY_BYTES = range(24, 64 + 1)  # Standard Webhooks 1.0, "Signature scheme"
CUSTOM_CHARACTERS = range(16, 256 + 1)
TOLERANCE_SECONDS = 5 * 60


class InvalidSecret(ValueError):
    """The text can't serve as a signing secret; the message says why."""


class InvalidSignature(Exception):
    """The request was not signed with this secret, or not at this time."""


def generate_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(GENERATED_KEY_BYTES)).decode()


@lru_cache(maxsize=4096)
def signing_key(secret: str) -> bytes:
    """The key of Standard Webhooks; raises InvalidSecret."""
    if not secret.startswith(PREFIX):
        return _custom_key(secret)
    encoded = secret[len(PREFIX) :]
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise InvalidSecret(f"A secret that starts with {PREFIX} must continue in base64") from error
    if base64.b64encode(key).decode() != encoded:  # what this decoder forgives, a receiver's may not
        raise InvalidSecret(f"A secret that starts with {PREFIX} must continue in standard base64")
    if len(key) not in KEY_BYTES:
        raise InvalidSecret(f"A secret that starts with {PREFIX} must hold 24 to 64 bytes")
    return key


def _custom_key(secret: str) -> bytes:
    if len(secret) not in CUSTOM_CHARACTERS:
        raise InvalidSecret("A secret must have 16 to 256 characters")
    try:
        return secret.encode()
    except UnicodeEncodeError as error:
        raise InvalidSecret("A secret must be valid Unicode text") from error


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One `v1,…` entry of `webhook-signature`; `timestamp` in Unix seconds."""
    digest = hmac.digest(signing_key(secret), b"%s.%d.%s" % (message_id.encode(), timestamp, body), "sha256")
    return "v1," + base64.b64encode(digest).decode()


def sign_body(secret: str, body: bytes) -> str:
    """`X-Webhook-Signature`: hex HMAC of the raw body. Here the key is the secret's text, prefix included."""
    return hmac.digest(secret.encode(), body, "sha256").hex()


def signature_headers(signers: Iterable[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Every header that proves where a delivery comes from.

    `signers` is the secret in force, followed by the one it replaced while the grace of a rotation lasts.
    """
    current, *former = signers
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in (current, *former)),
        "X-Webhook-Timestamp": str(timestamp),
        "X-Webhook-Signature": sign_body(current, body),
    }


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> None:
    """Check a received request by Standard Webhooks 1.0; raises InvalidSignature.

    For receivers: `headers` in any letter case, `body` the raw bytes, before any JSON parser has touched them.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, signatures = lower["webhook-id"], lower["webhook-signature"].split()
        timestamp = int(lower["webhook-timestamp"])
    except (KeyError, ValueError) as error:
        raise InvalidSignature("A signature header is missing or malformed") from error
    if abs((time.time() if now is None else now) - timestamp) > TOLERANCE_SECONDS:
        raise InvalidSignature("The timestamp is too far from now")
    expected = sign(secret, message_id, timestamp, body).encode()
    if not any(hmac.compare_digest(expected, signature.encode()) for signature in signatures):
        raise InvalidSignature("No signature matches")
