"""Who calls, by API key: `X-API-Key` with `X-API-Secret`, HTTP Basic, or a signature in place of the secret.

Every refusal looks the same to the caller, does the same work and takes the same time: an unknown key is judged by a
stand-in that never passes. Why it was refused is told to the integration's owner, in the usage log.
"""

import hashlib
import hmac
import ipaddress
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model
from django.db.models.base import ModelState
from redis import RedisError
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from config.lib.encryption import decrypt, encrypt
from config.lib.errors import Unauthorized
from config.lib.postgresql.statements import ask
from config.lib.valkey import client
from integrations import lockout
from integrations.caller import caller_of
from integrations.credentials import (
    SIGNATURE_WINDOW_SECONDS,
    is_timely,
    new_api_secret,
    parse_basic,
    same_text,
    signature_of_digest,
)
from integrations.models import Integration, IntegrationStatus

logger = logging.getLogger(__name__)
Row = TypeVar("Row", bound=Model)


class Refused(Unauthorized):
    """A key that does not pass. `reason` and `integration` (None: unknown key) are for the usage log only."""

    def __init__(self, reason: str, integration: Integration | None) -> None:
        super().__init__()
        self.reason, self.integration = reason, integration


class Signed(NamedTuple):
    """The parts of a request that its signature covers."""

    timestamp: str
    method: str
    target: str
    body_sha256: str


class Claim(NamedTuple):
    """A key, and what shall prove that the caller holds its secret: the secret itself or a signature made with it."""

    key: str
    proof: str
    signed: Signed | None

    def expected(self, secret: str) -> str:
        return signature_of_digest(secret, **self.signed._asdict()) if self.signed else secret


def claim_in(headers: Mapping[str, str], *, method: str, target: str, body_sha256: Callable[[], str]) -> Claim | None:
    """What a request's headers (names in any case) claim; None where no key is presented. Only what is signed has its
    body read, by `body_sha256`."""
    key = headers.get("X-API-Key")
    if key is None:
        basic = parse_basic(headers.get("Authorization", ""))
        return Claim(*basic, signed=None) if basic else None
    if "X-API-Signature" not in headers:
        return Claim(key, headers.get("X-API-Secret", ""), signed=None)
    signed = Signed(headers.get("X-API-Timestamp", ""), method, target, body_sha256())
    return Claim(key, headers["X-API-Signature"], signed)


def authenticate(claim: Claim, *, address: str, now: datetime) -> Integration:
    """The integration that `claim` proves, with its `user` and without its secrets. Raises Refused, or LockedOut.

    Whether the right secret comes from where guesses came from is asked by the gate, together with the limits.
    """
    integration, token = _find(claim.key)
    proven = _was_proven(claim, token) or same_text(claim.expected(decrypt(token)), claim.proof)
    reason = _reason_to_refuse(integration, claim, address, now) if proven else "Wrong secret or signature"
    if reason:
        _proven.pop(token, None)
        lockout.note_refusal(claim.key, address, guessed=not proven)
        raise Refused(reason, integration if integration.pk else None)
    _remember_proof(claim, token)
    return integration


def authenticate_again(claim: Claim, *, address: str, now: datetime) -> Integration:
    """As `authenticate`, for a connection that `claim` has opened and that lives on: its signature may grow old and
    does not count as used twice. Raises Refused."""
    integration, token = _find(claim.key)
    if not integration.pk or not same_text(claim.expected(decrypt(token)), claim.proof):
        raise Refused("Wrong secret or signature", None)
    reason = _standing_reason_to_refuse(integration, claim, address, now)
    if reason:
        raise Refused(reason, integration)
    return integration


# What opened under a stored token, as a digest: answers of a pure function, kept because to decrypt a token takes as
# long as all other checks. Nothing in here grants anything: the row, with the token that holds now, is asked for at
# every call. A refusal forgets what it found: of one who holds the secret, the first in a process is a little quicker.
_proven: dict[str, bytes] = {}
_PROVEN_MAX = 10_000


def _was_proven(claim: Claim, token: str) -> bool:
    same = hmac.compare_digest(_proven.get(token, b""), _digest(claim.proof))
    return same and not claim.signed


def _remember_proof(claim: Claim, token: str) -> None:
    if claim.signed:
        return
    if len(_proven) >= _PROVEN_MAX:
        _proven.clear()
    _proven[token] = _digest(claim.proof)


def _digest(proof: str) -> bytes:
    return hashlib.sha256(proof.encode("utf-8", "surrogateescape")).digest()


def _find(key: str) -> tuple[Integration, str]:
    """One query: the integration with its user, and the stored token of the secret that belongs to this of its keys.

    An unknown key has a stand-in, a row of nothing with a secret that nobody knows: it is read, built and compared as
    a real one is.
    """
    text = "" if "\x00" in key else key  # PostgreSQL refuses NUL, which Basic can smuggle in
    rows = ask(_BY_KEY, text)
    token, *values = rows[0]
    integration = _row(Integration, _COLUMNS, values)
    integration._state.fields_cache["user"] = _row(User, _USER_COLUMNS, values[len(_COLUMNS) :])
    return integration, token or _stand_in_token(tuple(settings.FIELD_ENCRYPTION_KEYS))


def _row(model: type[Row], columns: Sequence[str], values: Sequence[Any]) -> Row:
    """As `Model.from_db` makes it, with the other columns deferred, but without its signals and its look at each field,
    which take longer than the query."""
    row = model.__new__(model)
    row._state = ModelState()
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    vars(row).update(zip(columns, values, strict=False))
    return row


# Written out, since every call with a key begins with it: the ORM takes longer to word it than PostgreSQL to answer.
# These columns are what calls ask for; the others are read where somebody does.
_COLUMNS = (
    "id", "user_id", "name", "type", "status", "api_key", "scopes", "acts_for", "allowed_networks", "expires_at",
    "rate_per_minute", "rate_per_hour", "require_signature", "previous_valid_until",
)  # fmt: skip
_USER_COLUMNS = ("id", "username", "is_active", "is_staff", "is_superuser")
_BY_KEY = f"""
SELECT CASE WHEN i.api_key = $1 THEN i.api_secret ELSE i.previous_api_secret END,
       {", ".join(f"i.{name}" for name in _COLUMNS)}, {", ".join(f"u.{name}" for name in _USER_COLUMNS)}
FROM (SELECT) AS one_row LEFT JOIN (integrations i JOIN auth_user u ON u.id = i.user_id)
  ON i.api_key = $1 OR i.previous_api_key = $1""".encode()  # noqa: S608  # column names of our own models


@lru_cache(maxsize=1)
def _stand_in_token(_keys: tuple[str, ...]) -> str:
    return encrypt(new_api_secret())


def _reason_to_refuse(integration: Integration, claim: Claim, address: str, now: datetime) -> str | None:
    """Everything but the secret: in words for the owner, None where the key passes."""
    signed, reason = claim.signed, _standing_reason_to_refuse(integration, claim, address, now)
    if reason or not signed:
        return reason
    if not is_timely(signed.timestamp, now.timestamp()):
        return "Timestamp is too far off"
    # Last, for it remembers the signature: one that is refused otherwise may be sent again.
    return "Signature was used before" if _is_replay(integration, claim.proof) else None


def _standing_reason_to_refuse(integration: Integration, claim: Claim, address: str, now: datetime) -> str | None:
    """What may also come to refuse a key that has passed."""
    checks = (
        (integration.status != IntegrationStatus.ACTIVE, f"Integration is {integration.status}"),
        (not integration.user.is_active, "Its user is deactivated"),
        (integration.expires_at is not None and integration.expires_at <= now, "Key has expired"),
        (claim.key != integration.api_key and not _in_grace(integration, now), "Key was replaced"),
        (not _is_allowed(address, tuple(integration.allowed_networks)), f"Address {address} is not in the allow-list"),
        (integration.require_signature and not claim.signed, "A signature is required"),
    )
    return next((reason for refuses, reason in checks if refuses), None)


def _in_grace(integration: Integration, now: datetime) -> bool:
    until = integration.previous_valid_until
    return until is not None and now < until


@lru_cache(maxsize=4096)  # reading a list takes longer than having none, and would tell of a foreign address
def _is_allowed(address: str, networks: tuple[str, ...]) -> bool:
    if not networks:
        return True
    parsed = ipaddress.ip_address(address)
    return any(parsed in ipaddress.ip_network(network) for network in networks)


def _is_replay(integration: Integration, signature: str) -> bool:
    """Remembers a signature for as long as its timestamp can be timely, seen from either side of the window."""
    name = f"signature:{integration.pk}:{signature}"
    try:
        return client().set(name, 1, nx=True, ex=2 * SIGNATURE_WINDOW_SECONDS) is None
    except RedisError as error:
        logger.warning("signature_replay_unchecked", exc_info=error)
        return False


class ApiKeyAuthentication(BaseAuthentication):
    """DRF's view of what the gate has found out: the integration's user, with the integration as ``request.auth``."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, Integration] | None:
        caller = caller_of(request._request)
        if caller.refusal:
            raise caller.refusal
        return (caller.integration.user, caller.integration) if caller.integration else None

    def authenticate_header(self, request: Request) -> str:
        return 'Basic realm="API key", charset="UTF-8"'
