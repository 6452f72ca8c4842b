import base64
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.credentials import (
    is_api_key,
    is_api_secret,
    is_timely,
    new_api_key,
    new_api_secret,
    parse_basic,
    request_signature,
    same_text,
)


def test_a_key_has_the_shape_that_clients_know() -> None:
    assert re.fullmatch(r"ak_\d{13}_[0-9a-f]{32}", new_api_key())
    assert is_api_key(new_api_key())


@pytest.mark.parametrize("text", ["", "ak_", "ak_1767225600000_" + "G" * 32, "sk_1767225600000_" + "a" * 32, "ak_\n"])
def test_other_shapes_are_no_key(text: str) -> None:
    assert not is_api_key(text)


def test_a_secret_holds_256_random_bits_and_a_checksum() -> None:
    first, second = new_api_secret(), new_api_secret()
    assert first != second
    assert 62 ** len(first[3:-6]) >= 2**256
    assert is_api_secret(first)


@given(st.integers(min_value=0, max_value=51), st.characters(codec="ascii"))
def test_a_typing_error_shows_in_the_checksum(at: int, letter: str) -> None:
    secret = "sk_VtJ2m7cLq0bXw9RhYk3fPzN8dGaS5eUoTiM1xQy4B6v" + "1VEuRs"
    typed = secret[:at] + letter + secret[at + 1 :]
    assert is_api_secret(typed) == (typed == secret)


def test_a_checksum_can_be_recomputed_by_anyone() -> None:
    assert is_api_secret("sk_" + "0" * 43 + "4LPos6")
    assert not is_api_secret("sk_" + "0" * 43 + "4LPos7")


@given(st.text(), st.text())
def test_texts_are_the_same_only_when_equal(ours: str, theirs: str) -> None:
    assert same_text(ours, theirs) is (ours == theirs)


def test_a_header_of_raw_bytes_compares_as_different() -> None:
    assert not same_text("secret", "\udcff")


def test_the_signature_is_the_documented_hmac() -> None:
    # printf '1767225600\nPOST\n/api/bulk-orders?x=1\n%s' "$(printf '{"a":1}' | sha256sum | cut -d' ' -f1)"
    #   | openssl dgst -sha256 -hmac 'sk_test'
    signature = request_signature(
        "sk_test", timestamp="1767225600", method="post", target="/api/bulk-orders?x=1", body=b'{"a":1}'
    )
    assert signature == "1bbad3c3690aa9172770402f95d07eb7736fa4dd3b49767f2125ce090443e6ce"


@given(st.sampled_from(["timestamp", "method", "target", "body"]))
def test_every_part_of_a_request_is_signed(part: str) -> None:
    parts: dict[str, Any] = {"timestamp": "1767225600", "method": "POST", "target": "/api/orders", "body": b"{}"}
    other = parts | {part: b"{} " if part == "body" else "1"}
    assert request_signature("s", **parts) != request_signature("s", **other)


@pytest.mark.parametrize(
    ("timestamp", "timely"),
    [("1000", True), ("700", True), ("1300", True), ("699", False), ("1301", False)]
    + [(text, False) for text in ("", "-1", "1e3", "10.5", "١٠٠٠", "9" * 13, "x")],
)
def test_a_timestamp_holds_for_five_minutes_either_way(timestamp: str, timely: bool) -> None:
    assert is_timely(timestamp, now=1000.0) is timely


def _basic(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode()


def test_basic_authentication_carries_key_and_secret() -> None:
    assert parse_basic(_basic(b"key:sec:ret")) == ("key", "sec:ret")
    assert parse_basic("bASIC " + base64.b64encode(b"k:").decode()) == ("k", "")


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!", "Bearer a", _basic(b"no colon"), _basic(b"\xff:\xff")])
def test_anything_else_is_not_basic_authentication(header: str) -> None:
    assert parse_basic(header) is None
