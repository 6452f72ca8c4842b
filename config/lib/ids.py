"""Identifiers in the shapes that clients know; all of them carry their time, so that they sort by it."""

import secrets
import string
import time
from datetime import datetime

_BASE36 = string.digits + string.ascii_lowercase
_ORDER_ALPHABET = string.ascii_uppercase + string.digits
# A character for each byte. 252 = 7 * 36: the bytes above it would favour the first ones.
_CHARACTERS = {alphabet: (alphabet * 8)[:256].encode() for alphabet in (_BASE36, _ORDER_ALPHABET)}
_UNFAIR = bytes(range(252, 256))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def new_id(prefix: str, hex_digits: int = 16) -> str:
    """``<prefix>_<Unix ms>_<random hex>``, e.g. ``wh_1767225600000_9f86d081884c7d65``."""
    return f"{prefix}_{now_ms()}_{secrets.token_hex(hex_digits // 2)}"


def new_ids(prefix: str, count: int, hex_digits: int = 16) -> list[str]:
    """`count` identifiers of one moment: one look at the clock and one draw of randomness for all."""
    head, pool = f"{prefix}_{now_ms()}_", secrets.token_hex(count * hex_digits // 2)
    return [head + pool[at : at + hex_digits] for at in range(0, count * hex_digits, hex_digits)]


def trace_id() -> str:
    """``TRACE-<Unix ms>-<7 base36>``: ties an order to the request that made it."""
    return f"TRACE-{now_ms()}-{_letters(_BASE36, 7)}"


def batch_id(now: datetime) -> str:
    """``BATCH-YYYYMMDD-XXXXXXXX`` by the UTC date of `now`."""
    return f"BATCH-{now:%Y%m%d}-{_letters(_ORDER_ALPHABET, 8)}"


def model_order_ids(now: datetime, count: int) -> list[str]:
    """``MO-YYYYMMDD-`` and twelve letters: eight would meet a twin within a million orders of a day."""
    head, pool = f"MO-{now:%Y%m%d}-", _letters(_ORDER_ALPHABET, 12 * count)
    return [head + pool[at : at + 12] for at in range(0, 12 * count, 12)]


def _letters(alphabet: str, count: int) -> str:
    letters = ""
    while len(letters) < count:
        letters += secrets.token_bytes(count + 8).translate(_CHARACTERS[alphabet], _UNFAIR).decode()
    return letters[:count]
