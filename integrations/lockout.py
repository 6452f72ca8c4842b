"""Guessing is closed by key and address together: nobody can lock a partner out from elsewhere.

Without Valkey nothing is locked or counted: a secret of 256 bits is not guessed in an outage.
"""

import hashlib
import logging

from redis import RedisError

from config.lib import rate_limits
from config.lib.errors import TooManyRequests
from config.lib.rate_limits import Place, Window

logger = logging.getLogger(__name__)

# Ten wrong proofs in a quarter of an hour.
FAILURES = Window("failures", 10, 900)


class LockedOut(TooManyRequests):
    def __init__(self, retry_after: int) -> None:
        message = "Too many failed attempts with this API key; try again later"
        super().__init__(message, code="locked_out", headers={"Retry-After": str(retry_after)})


def pair_of(key: str, address: str) -> str:
    """The name of a key and an address in Valkey; of one length, whatever was presented as a key."""
    return "lockout:" + hashlib.sha256(f"{key} {address}".encode("utf-8", "replace")).hexdigest()


def place_of(pair: str) -> Place:
    """The room that a call must find, and does not take."""
    return Place(pair, FAILURES, takes=False)


def note_refusal(pair: str, *, guessed: bool) -> None:
    """Count a refusal if it was a guess. Raises LockedOut.

    What was proved, and refused for another reason, counts nothing and asks all the same: no refusal is quicker than
    another.
    """
    try:
        verdict = rate_limits.ask([Place(pair, FAILURES, takes=guessed)])
    except RedisError as error:
        logger.warning("lockout_unavailable", exc_info=error)
        return
    if not verdict.allowed:
        raise LockedOut(verdict.retry_after)
