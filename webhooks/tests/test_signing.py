import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from webhooks import signing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

texts = st.text(st.characters(codec="utf-8"), min_size=16, max_size=256).filter(
    lambda text: not text.startswith("whsec_")
)
keys = st.binary(min_size=24, max_size=64)


def headers(secret: str = SECRET, *, timestamp: int = TIMESTAMP, body: bytes = BODY) -> dict[str, str]:
    return signing.signature_headers([secret], MESSAGE_ID, timestamp, body)


def test_signs_the_published_vector() -> None:
    assert signing.sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY) == SIGNATURE


def test_body_signature_is_lower_case_hex_keyed_with_the_whole_text_of_the_secret() -> None:
    expected = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    assert signing.sign_body(SECRET, BODY) == expected


def test_headers_carry_both_schemes() -> None:
    assert headers() == {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": str(TIMESTAMP),
        "webhook-signature": SIGNATURE,
        "X-Webhook-Timestamp": str(TIMESTAMP),
        "X-Webhook-Signature": signing.sign_body(SECRET, BODY),
    }


def test_both_secrets_sign_while_a_rotation_is_in_grace_and_the_older_scheme_uses_the_new_one() -> None:
    new = signing.generate_secret()
    signed = signing.signature_headers([new, SECRET], MESSAGE_ID, TIMESTAMP, BODY)
    assert signed["webhook-signature"].split() == [signing.sign(new, MESSAGE_ID, TIMESTAMP, BODY), SIGNATURE]
    assert signed["X-Webhook-Signature"] == signing.sign_body(new, BODY)
    signing.verify(new, signed, BODY, now=TIMESTAMP)
    signing.verify(SECRET, signed, BODY, now=TIMESTAMP)


def test_generated_secrets_hold_32_random_bytes() -> None:
    first, second = signing.generate_secret(), signing.generate_secret()
    assert first != second
    assert len(signing.signing_key(first)) == 32


@pytest.mark.parametrize("length", [24, 25, 63, 64])
def test_accepts_a_prefixed_secret_of_24_to_64_bytes(length: int) -> None:
    key = bytes(range(length))
    assert signing.signing_key("whsec_" + base64.b64encode(key).decode()) == key


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "fifteen letters",
        "x" * 257,
        "whsec_",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_not base64, though it is long enough!!",
        "whsec_" + base64.b64encode(bytes(24)).decode() + "=",
        "whsec_ünüññüüüüüüüüüüüüüüüüüüüüüüüüüüü",
        "lone surrogate \udc00 in the text",
    ],
)
def test_refuses_a_secret_that_breaks_the_rules(secret: str) -> None:
    with pytest.raises(signing.InvalidSecret):
        signing.signing_key(secret)


def test_a_custom_secret_is_its_utf_8_bytes() -> None:
    assert signing.signing_key("sixteen letters!") == b"sixteen letters!"
    assert signing.signing_key("ü" * 16) == "ü".encode() * 16
    assert signing.signing_key("x" * 256) == b"x" * 256


@given(key=keys, body=st.binary(), timestamp=st.integers(0, 2**33))
def test_agrees_with_the_reference_library(key: bytes, body: bytes, timestamp: int) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    text = body.hex()
    reference = standardwebhooks.Webhook(secret).sign(MESSAGE_ID, datetime.fromtimestamp(timestamp, UTC), text)
    assert signing.sign(secret, MESSAGE_ID, timestamp, text.encode()) == reference


@given(secret=st.one_of(texts, keys.map(lambda key: "whsec_" + base64.b64encode(key).decode())), body=st.binary())
def test_what_is_signed_verifies_and_a_changed_body_does_not(secret: str, body: bytes) -> None:
    signed = headers(secret, body=body)
    signing.verify(secret, signed, body, now=TIMESTAMP)
    with pytest.raises(signing.InvalidSignature):
        signing.verify(secret, signed, body + b" ", now=TIMESTAMP)


def test_header_names_are_compared_without_letter_case() -> None:
    shouted = {name.upper(): value for name, value in headers().items()}
    signing.verify(SECRET, shouted, BODY, now=TIMESTAMP)


@pytest.mark.parametrize("drift", [-300, 0, 300])
def test_accepts_five_minutes_of_drift(drift: int) -> None:
    signing.verify(SECRET, headers(), BODY, now=TIMESTAMP + drift)


@pytest.mark.parametrize("drift", [-301, 301])
def test_refuses_more_than_five_minutes_of_drift(drift: int) -> None:
    with pytest.raises(signing.InvalidSignature, match="too far from now"):
        signing.verify(SECRET, headers(), BODY, now=TIMESTAMP + drift)


def test_the_clock_is_the_default_now() -> None:
    with pytest.raises(signing.InvalidSignature, match="too far from now"):
        signing.verify(SECRET, headers(), BODY)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_refuses_a_request_that_lacks_a_header(missing: str) -> None:
    signed = headers()
    del signed[missing]
    with pytest.raises(signing.InvalidSignature, match="missing"):
        signing.verify(SECRET, signed, BODY, now=TIMESTAMP)


@pytest.mark.parametrize("signature", ["", "v1", "v1,", "v1,é", "v1a," + SIGNATURE[3:], SIGNATURE.lower()])
def test_refuses_malformed_signatures(signature: str) -> None:
    with pytest.raises(signing.InvalidSignature, match="No signature matches"):
        signing.verify(SECRET, headers() | {"webhook-signature": signature}, BODY, now=TIMESTAMP)


def test_refuses_a_timestamp_that_is_no_number() -> None:
    with pytest.raises(signing.InvalidSignature, match="malformed"):
        signing.verify(SECRET, headers() | {"webhook-timestamp": "soon"}, BODY, now=TIMESTAMP)


def test_refuses_another_secret_id_or_timestamp() -> None:
    for secret, changed in [
        (signing.generate_secret(), {}),
        (SECRET, {"webhook-id": "msg_other"}),
        (SECRET, {"webhook-timestamp": str(TIMESTAMP + 1)}),
    ]:
        with pytest.raises(signing.InvalidSignature):
            signing.verify(secret, headers() | changed, BODY, now=TIMESTAMP)
