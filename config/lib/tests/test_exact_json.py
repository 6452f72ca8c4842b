"""Figures keep their digits; hostile documents are refused before they hurt."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lib import exact_json

finite = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15)
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | finite
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(documents)
def test_what_is_written_reads_back_the_same(value: object) -> None:
    assert exact_json.loads(exact_json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    ["1.10", "0.0001", "123456789012345.6789", "1E+3", "18446744073709551617", "-0.50", "0.0000001", "0.00000000"],
)
def test_a_figure_keeps_every_digit(text: str) -> None:
    value = exact_json.loads(text)
    assert value == Decimal(text)
    assert exact_json.dumps(value) == text.encode()


@pytest.mark.parametrize("text", ["1e3", "1E3", "5e0", "1e-1", "0.1E+01", "100e-2"])
def test_an_exponent_stays_as_it_was_written(text: str) -> None:
    value = exact_json.loads(text)
    assert (value, str(value)) == (Decimal(text), text)
    assert exact_json.dumps(value) == text.encode()
    figures = [{"a": value, "b": Decimal("1.10")}, {"b": [value]}, 5]
    assert exact_json.spelt_out(figures, ("a", "b")) == [{"a": text, "b": Decimal("1.10")}, {"b": [value]}, 5]
    assert type(exact_json.spelt_out({"a": value}, ())["a"]) is exact_json.Exponential


def test_no_figure_passes_through_a_float() -> None:
    assert exact_json.loads("0.1") == Decimal("0.1")
    assert not isinstance(exact_json.loads("0.1"), float)


def test_the_last_of_duplicate_keys_wins() -> None:
    assert exact_json.loads('{"a": 1, "a": 2}') == {"a": 2}


def test_a_byte_order_mark_is_tolerated() -> None:
    assert exact_json.loads(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1,]",
        "NaN",
        "Infinity",
        "-Infinity",
        '{"a": 1e999999}',
        "1e401",
        "1e1000000000000000000",
        "1e-1999999999999999998",
        "0e99999999999999999999",
        b"\xff\xfe",
        "'a'",
    ],
)
def test_malformed_documents_are_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        exact_json.loads(text)


@pytest.mark.parametrize("text", ["[" * 33 + "]" * 33, '{"a":' * 33 + "1" + "}" * 33, "[" * 200_000, '{"a":' * 200_000])
def test_deep_documents_are_refused_whatever_their_size(text: str) -> None:
    with pytest.raises(ValueError, match="deeper than 32"):
        exact_json.loads(text)


def test_thirty_two_levels_are_allowed() -> None:
    assert exact_json.loads("[" * 32 + "]" * 32)


def test_brackets_inside_text_do_not_count_as_depth() -> None:
    assert exact_json.loads('"' + "[" * 100 + '"') == "[" * 100


def test_moments_are_written_in_utc_with_a_z() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert exact_json.dumps(moment) == b'"2026-01-01T21:34:05.000678Z"'
    assert exact_json.as_utc(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00Z"


def test_what_has_no_json_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="set"):
        exact_json.dumps({1})


@pytest.mark.parametrize(
    ("value", "unstorable"),
    [
        ("plain ✓ 😀", False),
        ("nul \x00", True),
        ("lone \ud800", True),
        ({"k\x00": 1}, True),
        ([{"a": ["\udfff"]}], True),
        ([1, None, True, Decimal(1)], False),
    ],
)
def test_unstorable_text_is_found_in_keys_and_values(value: object, unstorable: bool) -> None:
    assert exact_json.has_unstorable_text(value) is unstorable


def test_text_of_others_is_made_storable() -> None:
    assert exact_json.storable_text("a\x00b\ud800c😀") == "a\ufffdb\ufffdc😀"
