"""What is sealed comes back under its key alone, whole, or not at all."""

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lib.sealing import FRAME, Unsealable, seal, unseal

KEY, OTHER = os.urandom(32), os.urandom(32)
TAG = 16
HEAD = 33


def sealed(text: bytes, key: bytes = KEY) -> bytes:
    return b"".join(seal(io.BytesIO(text), key))


def unsealed(stream: bytes, *keys: bytes) -> bytes:
    return b"".join(unseal(io.BytesIO(stream), keys or [KEY]))


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 7])
def test_every_length_comes_back(size: int) -> None:
    text = os.urandom(size)
    stream = sealed(text)
    assert unsealed(stream) == text
    assert size < 64 or text[:64] not in stream


def test_an_older_key_still_opens() -> None:
    assert unsealed(sealed(b"text", OTHER), KEY, OTHER) == b"text"


def test_another_key_opens_nothing() -> None:
    with pytest.raises(Unsealable, match="No key"):
        unsealed(sealed(b"text"), OTHER)


def test_the_same_text_never_looks_the_same() -> None:
    assert sealed(b"text") != sealed(b"text")


@pytest.mark.parametrize("stream", [b"", b"PGDMP...", b"gateway sealed 1\nshort"])
def test_what_is_no_sealed_stream_is_named_so(stream: bytes) -> None:
    with pytest.raises(Unsealable, match="not a sealed stream"):
        unsealed(stream)


@given(st.binary(max_size=200), st.data())
def test_no_byte_can_be_changed(text: bytes, data: st.DataObject) -> None:
    stream = bytearray(sealed(text))
    stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unsealable):
        unsealed(bytes(stream))


@pytest.mark.parametrize("kept", [HEAD, HEAD + 5, HEAD + FRAME + TAG, HEAD + 2 * (FRAME + TAG), -1])
def test_a_stream_that_was_cut_off_does_not_pass_for_whole(kept: int) -> None:
    with pytest.raises(Unsealable):
        unsealed(sealed(os.urandom(3 * FRAME))[:kept])


def test_frames_cannot_change_places_or_be_appended() -> None:
    stream = sealed(os.urandom(2 * FRAME) + b"end")
    head, one, two, end = (
        stream[:HEAD],
        stream[HEAD : HEAD + FRAME + TAG],
        stream[HEAD + FRAME + TAG : HEAD + 2 * (FRAME + TAG)],
        stream[HEAD + 2 * (FRAME + TAG) :],
    )
    for forged in (head + two + one + end, head + one + end, head + one + two + end + end):
        with pytest.raises(Unsealable):
            unsealed(forged)
