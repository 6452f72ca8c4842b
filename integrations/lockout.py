"""Guessing is closed by key and address together: nobody can lock a partner out from elsewhere.

Without Valkey nothing is locked or counted: a secret of 256 bits is not guessed in an outage. Staff see from where a
key is locked out, and can lift that.
"""

import hashlib
import logging
import time
from typing import Final, NamedTuple, cast

from redis import RedisError

from config.lib import rate_limits
from config.lib.errors import TooManyRequests
from config.lib.rate_limits import Place, Window
from config.lib.valkey import client

logger = logging.getLogger(__name__)

# Ten wrong proofs in a quarter of an hour.
FAILURES = Window("failures", 10, 900)
SHOWN: Final = 100  # addresses of a key


class LockedOut(TooManyRequests):
    def __init__(self, retry_after: int) -> None:
        message = "Too many failed attempts with this API key; try again later"
        super().__init__(message, code="locked_out", headers={"Retry-After": str(retry_after)})


class Lockout(NamedTuple):
    """An address that a key is locked out from, and for how many seconds more at most."""

    address: str
    seconds: int


def pair_of(key: str, address: str) -> str:
    """The name of a key and an address in Valkey; of one length, whatever was presented as a key."""
    return "lockout:" + _digest(f"{key} {address}")


def place_of(pair: str) -> Place:
    """The room that a call must find, and does not take."""
    return Place(pair, FAILURES, takes=False)


def note_refusal(key: str, address: str, *, guessed: bool) -> None:
    """Count a refusal if it was a guess. Raises LockedOut.

    What was proved, and refused for another reason, counts nothing and asks all the same: no refusal is quicker than
    another.
    """
    try:
        verdict = rate_limits.ask([Place(pair_of(key, address), FAILURES, takes=guessed)])
        if verdict.allowed and not verdict.states[0].remaining:
            _remember(key, address)
    except RedisError as error:
        logger.warning("lockout_unavailable", exc_info=error)
        return
    if not verdict.allowed:
        raise LockedOut(verdict.retry_after)


def lockouts_of(key: str) -> list[Lockout]:
    """From where `key` is locked out now, of the newest `SHOWN` addresses: two round trips, however many guess."""
    try:
        addresses = _addresses(key, newest=SHOWN)
        places = [place_of(pair_of(key, address)) for address in addresses]
        states = rate_limits.ask(places).states if places else ()
    except RedisError as error:
        logger.warning("lockout_unavailable", exc_info=error)
        return []
    found = zip(addresses, states, strict=True)
    return [Lockout(address, state.reset) for address, state in found if not state.remaining]


def lift(key: str) -> None:
    """Forget what was guessed at `key`, from everywhere. Raises redis.RedisError."""
    with client().pipeline(transaction=False) as pipe:
        for address in _addresses(key):
            rate_limits.forget(pair_of(key, address), [FAILURES], pipe)
        pipe.delete(_memory_of(key))
        pipe.execute()


def _remember(key: str, address: str) -> None:
    """For staff to find, as long as a lockout that begins now can last; the key itself may be a secret in disguise."""
    with client().pipeline(transaction=False) as pipe:
        pipe.zadd(_memory_of(key), {address: time.time()})
        pipe.expire(_memory_of(key), FAILURES.seconds)
        pipe.execute()


def _addresses(key: str, newest: int = 0) -> list[str]:
    """Those remembered, or the newest of them."""
    found = cast("list[bytes]", client().zrevrange(_memory_of(key), 0, newest - 1))
    return sorted(address.decode() for address in found)


def _memory_of(key: str) -> str:
    return "locked_out_from:" + _digest(key)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
