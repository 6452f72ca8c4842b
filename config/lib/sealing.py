"""Sealing of streams of any length under a key, in flat memory. Pure.

The STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (2015): frames of 1 MiB under AES-256-GCM, each with
its number and whether it is the last in the nonce, so that no frame can be changed, moved, dropped or cut off. Each
stream has a key of its own, derived from the given one and a random salt (HKDF, RFC 5869).
"""

import base64
import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FRAME = 1 << 20
_MAGIC = b"gateway sealed 1\n"
_SALT_SIZE = 16
_TAG_SIZE = 16


class Unsealable(Exception):
    """None of the keys opens the stream, or it has been changed or cut off."""


def parse_keys(text: str) -> list[bytes]:
    """Keys of 32 bytes in URL-safe base64, comma separated, as of BACKUP_KEY. Raises ValueError where there is none."""
    try:
        found = [base64.urlsafe_b64decode(key.strip()) for key in text.split(",") if key.strip()]
    except ValueError:
        found = []
    if not found or any(len(key) != 32 for key in found):
        raise ValueError("must hold 32 bytes in URL-safe base64 (a Fernet key will do)")
    return found


def seal(source: BinaryIO, key: bytes) -> Iterator[bytes]:
    """The sealed stream of what `source` holds, piece by piece; `key` is 32 bytes."""
    salt = os.urandom(_SALT_SIZE)
    yield _MAGIC + salt
    cipher = _cipher(key, salt)
    for number, frame, last in _frames(source, FRAME):
        yield cipher.encrypt(_nonce(number, last=last), frame, None)


def unseal(source: BinaryIO, keys: Sequence[bytes]) -> Iterator[bytes]:
    """What was sealed under one of `keys`; each piece is proven when it comes. Raises Unsealable, also at the end."""
    head = source.read(len(_MAGIC) + _SALT_SIZE)
    if not head.startswith(_MAGIC) or len(head) < len(_MAGIC) + _SALT_SIZE:
        raise Unsealable("This is not a sealed stream")
    ciphers = [_cipher(key, head[len(_MAGIC) :]) for key in keys]
    for number, frame, last in _frames(source, FRAME + _TAG_SIZE):
        opened = [text for cipher in ciphers if (text := _opened(cipher, _nonce(number, last=last), frame)) is not None]
        if not opened:
            raise Unsealable("No key opens this stream, or it is damaged or cut off")
        yield opened[0]


def _frames(source: BinaryIO, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Number, content and whether it is the last; at least one, which may be empty."""
    number, frame = 0, _read(source, size)
    while following := _read(source, size):
        yield number, frame, False
        number, frame = number + 1, following
    yield number, frame, True


def _read(source: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes unless the stream ends: a pipe hands out less at a time."""
    parts = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt, _MAGIC).derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _opened(cipher: AESGCM, nonce: bytes, frame: bytes) -> bytes | None:
    try:
        return cipher.decrypt(nonce, frame, None)
    except InvalidTag:
        return None
