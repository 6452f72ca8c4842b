from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_orders.rulebook import judge
from bulk_orders.sheets import (
    COLUMNS,
    InvalidHeader,
    checked_header,
    form_of,
    guarded,
    line_of,
    surplus,
    text_of,
    unguarded,
)

LINE = {
    "clientRef": "A-1",
    "productId": "496",
    "schemeName": "Value Fund",
    "transactionType": "Purchase",
    "amount": " 5000.50 ",
    "branchCode": "B1",
    "mode": "Email",
    "email": "a@example.com",
    "optOutOfNomination": "No",
    "nominee1Name": "Asha",
    "nominee1Pan": "ABCDE1234F",
    "nominee1Percentage": "100",
    "nominee1DateOfBirth": "1990-04-01",
    "nominee2Name": "  ",
}


def test_a_line_becomes_a_form() -> None:
    assert form_of(LINE) == {
        "clientRef": "A-1",
        "branchCode": "B1",
        "cartItems": [
            {"productId": "496", "schemeName": "Value Fund", "transactionType": "Purchase", "amount": "5000.50"}
        ],
        "transactionMode": {"mode": "Email", "email": "a@example.com"},
        "nominees": [{"name": "Asha", "pan": "ABCDE1234F", "percentage": "100", "dateOfBirth": "1990-04-01"}],
        "optOutOfNomination": False,
    }
    assert judge(form_of(LINE), on=date(2026, 11, 21)) == []


def test_an_almost_empty_line_is_judged_as_an_empty_form() -> None:
    told = [problem.message for problem in judge(form_of({"clientRef": "A"}), on=date(2026, 11, 21))]
    assert told == ["Cart items are required", "Transaction mode is required", "Nominee information is required"]


@pytest.mark.parametrize(
    ("text", "value"), [("TRUE", True), ("yes", True), ("1", True), ("0", False), ("maybe", "maybe")]
)
def test_flags_are_words(text: str, value: Any) -> None:
    assert form_of({"optOutOfNomination": text})["optOutOfNomination"] == value


@pytest.mark.parametrize("text", ["33.5%", "33.5 %", "33.5"])
def test_shares_may_bear_the_sign_that_sheets_show(text: str) -> None:
    assert form_of({"nominee2Percentage": text, "amount": "5%"})["nominees"] == [{"percentage": "33.5"}]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        *((None, ""), ({"cartItems": 5, "nominees": {}}, ""), ({"note": "", "investmentAccount": None}, "")),
        ({"cartItems": [{"id": "1", "amount": 5, "closeAc": False}], "nominees": [{"id": "1", "pan": "x"}]}, ""),
        ({"cartItems": [{}, {}], "nominees": [{}] * 4}, "2 cart items, 4 nominees"),
        ({"settlementAccount": {"id": 1}, "euin": "E123456"}, "settlementAccount, euin"),
        ({"clientRef": "x" * 32_767, "branchCode": "x" * 32_768}, "branchCode"),
        ({"discount": 0, "rebate": 0.0, "isUrgent": False}, "discount, rebate"),
        ({"cartItems": [{"closeAc": True, "nav": 5}]}, "cartItems.closeAc, cartItems.nav"),
        (
            {"nominees": [{}, {"isMinor": True}], "transactionMode": {"fax": "1"}},
            "transactionMode.fax, nominees.isMinor",
        ),
    ],
)
def test_what_a_line_cannot_hold_is_named(form: Any, told: str) -> None:
    assert surplus(form) == told


def test_headers_are_free_in_order_and_strict_in_names() -> None:
    assert checked_header(["error", " amount", "index", "clientRef"]) == ["error", "amount", "index", "clientRef"]
    with pytest.raises(InvalidHeader, match=r"Unknown columns: Amount, \(blank\)"):
        checked_header(["Amount", "", "clientRef"])
    with pytest.raises(InvalidHeader, match="given twice: amount"):
        checked_header(["amount", "amount"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((None, ""), (True, "true"), (False, "false"), (5, "5"), ("x", "x")),
        *((Decimal("5.10"), "5.10"), (Decimal("1E+3"), "1000")),
    ],
)
def test_cells_are_shown_as_people_read_them(value: Any, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize("text", ["=1+1", "+91 98", "-5", "@x", "\tx", "\rx", "'=x"])
def test_a_formula_is_disarmed_and_read_back(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@given(st.text())
def test_guarding_loses_nothing(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, st.from_regex(r"[!-~]{1,9}", fullmatch=True))))
def test_a_form_that_came_from_a_line_goes_back_to_it(line: dict[str, str]) -> None:
    form = form_of(line)
    assert form_of(dict(zip(COLUMNS, line_of(form), strict=True))) == form


@pytest.mark.parametrize("form", [None, 5, [], {}, {"cartItems": 5, "nominees": [None], "transactionMode": "x"}])
def test_any_row_has_a_line(form: Any) -> None:
    assert len(line_of(form)) == len(COLUMNS)
