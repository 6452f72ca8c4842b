from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_orders.rulebook import Problem, judge
from bulk_orders.tests.forms import cart_item, nominee, order_form
from config.lib import exact_json

ON = date(2026, 11, 21)
TYPES = "Purchase, Redemption, Switch, Full Redemption, Full Switch"
GUARDIAN = {"guardianName": "Ravi Rao", "guardianPan": "PQRST6789Z", "guardianRelationship": "Father"}


def messages(row: Any, on: date = ON) -> list[str]:
    return [problem.message for problem in judge(row, on=on)]


def with_item(**changes: Any) -> list[str]:
    return messages(order_form(cartItems=[cart_item(**changes)]))


def with_nominees(*nominees: Any) -> list[str]:
    return messages(order_form(nominees=list(nominees)))


def test_a_complete_form_has_no_problem() -> None:
    assert messages(order_form()) == []


def test_keys_without_a_rule_are_nobodys_business() -> None:
    assert messages(order_form(campaign={"deep": [1, None]}, cartItems=[cart_item(folio="12/34")])) == []


@pytest.mark.parametrize("row", [None, True, 5, "text", [], [order_form()]])
def test_a_row_that_is_not_an_object(row: Any) -> None:
    assert judge(row, on=ON) == [Problem("", "invalid_type", "Order must be an object")]


def test_an_empty_object_lacks_the_three_required_parts_in_order() -> None:
    assert messages({}) == [
        "Cart items are required",
        "Transaction mode is required",
        "Nominee information is required",
    ]


def test_a_missing_part_is_named_as_the_client_would_name_it() -> None:
    assert [problem.path for problem in judge({}, on=ON)] == ["/cartItems", "/transactionMode", "/nominees"]


@pytest.mark.parametrize("items", [None, [], {}, "x", 5, {"0": cart_item()}])
def test_cart_items_are_required(items: Any) -> None:
    assert judge(order_form(cartItems=items), on=ON) == [Problem("/cartItems", "required", "Cart items are required")]


@pytest.mark.parametrize("mode", [None, {}, {"mode": None}, {"mode": ""}, "Email", ["Email"], 7])
def test_a_transaction_mode_is_required(mode: Any) -> None:
    assert messages(order_form(transactionMode=mode)) == ["Transaction mode is required"]


@pytest.mark.parametrize("mode", ["email", "Fax", 7, [], True])
def test_a_transaction_mode_must_be_known(mode: Any) -> None:
    expected = "Transaction mode must be one of Physical, Email, Telephone, Online"
    assert messages(order_form(transactionMode={"mode": mode})) == [expected]


@pytest.mark.parametrize("mode", ["Physical", "Email", "Telephone", "Online"])
def test_known_transaction_modes_pass(mode: str) -> None:
    assert messages(order_form(transactionMode={"mode": mode})) == []


@pytest.mark.parametrize("kind", [None, "", "purchase", "SIP", 5, ["Purchase"], {}])
def test_the_transaction_type_must_be_known(kind: Any) -> None:
    assert with_item(transactionType=kind) == [f"Item 1: Transaction type must be one of {TYPES}"]


@pytest.mark.parametrize(
    "amount", [1, "1", Decimal("0.0001"), "0.0001", "007", 999999999999999, "999999999999999.9999"]
)
def test_amounts_are_numbers_or_their_text(amount: Any) -> None:
    assert with_item(amount=amount) == []


@pytest.mark.parametrize("amount", [None, "", 0, "0", "0.00", Decimal(0), -1, "-5", Decimal("-0.5"), "-0"])
def test_the_amount_must_be_greater_than_0(amount: Any) -> None:
    assert with_item(amount=amount) == ["Item 1: Amount must be greater than 0"]


@pytest.mark.parametrize(
    "amount",
    [
        *(
            True,
            False,
            [],
            {},
            [5],
            "abc",
            " 5",
            "5 ",
            "5\n",
            "1,000",
            "1e3",
            "1.",
            ".5",
            "1.23456",
            "+5",
            "٥",
            "NaN",
            "Infinity",
        ),
        *(10**15, "1" * 16, exact_json.loads("1E+3"), Decimal("1E-9"), Decimal("NaN"), 5.5),
    ],
)
def test_anything_else_is_not_a_valid_amount(amount: Any) -> None:
    assert with_item(amount=amount) == ["Item 1: Amount is not a valid number"]


@pytest.mark.parametrize("text", ["1e3", "1e-1", "5e0", "100e-2", "0e0", "1E+2"])
def test_an_exponent_makes_no_valid_amount_whatever_its_value(text: str) -> None:
    assert with_item(amount=exact_json.loads(text)) == ["Item 1: Amount is not a valid number"]


@pytest.mark.parametrize("units", ["0.0000001", "0.00000000", "0.00000012345678901", '"0.0000001"'])
def test_units_may_be_next_to_nothing(units: str) -> None:
    assert with_item(units=exact_json.loads(units)) == []


def test_an_id_is_named_by_any_number_but_0() -> None:
    for text, named in (("1e3", True), ("1000", True), ("0e0", False), ("0", False), ("true", False)):
        told = with_item(transactionType="Switch", sourceSchemeId=exact_json.loads(text))
        assert told == ([] if named else ["Item 1: Source scheme is required for a switch"])


@pytest.mark.parametrize("kind", ["Full Redemption", "Full Switch"])
@pytest.mark.parametrize("amount", [None, "", 0, "0.00", 10])
def test_a_full_exit_needs_no_amount(kind: str, amount: Any) -> None:
    assert with_item(transactionType=kind, amount=amount) == []


@pytest.mark.parametrize("amount", [True, "abc", -1])
def test_a_full_exit_still_refuses_nonsense(amount: Any) -> None:
    assert with_item(transactionType="Full Redemption", amount=amount) == ["Item 1: Amount is not a valid number"]


@pytest.mark.parametrize("name", [None, "", "  ", {}, []])
def test_the_scheme_name_is_required(name: Any) -> None:
    assert with_item(schemeName=name) == ["Item 1: Scheme name is required"]


NAMES_NOTHING: list[Any] = [None, "  ", "\t", 0, Decimal("0.0"), False, True, [], [1], {}]


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"sourceSchemeId": "", "sourceSchemeName": ""},
        {"sourceSchemeName": "  "},
        *({"sourceSchemeId": value} for value in NAMES_NOTHING),
    ],
)
def test_a_switch_needs_its_source(source: dict[str, Any]) -> None:
    assert with_item(transactionType="Switch", **source) == ["Item 1: Source scheme is required for a switch"]


@pytest.mark.parametrize("source", [{"sourceSchemeId": "12"}, {"sourceSchemeId": 12}, {"sourceSchemeName": "Liquid"}])
def test_a_switch_names_its_source_by_id_or_by_name(source: dict[str, Any]) -> None:
    assert with_item(transactionType="Switch", **source) == []


def test_items_are_counted_from_1_and_told_in_order() -> None:
    items = [cart_item(), None, cart_item(transactionType="x", amount=0, schemeName="")]
    assert judge(order_form(cartItems=items), on=ON) == [
        Problem("/cartItems/1", "model_type", "Item 2 must be an object"),
        Problem("/cartItems/2/transactionType", "invalid_choice", f"Item 3: Transaction type must be one of {TYPES}"),
        Problem("/cartItems/2/amount", "not_positive", "Item 3: Amount must be greater than 0"),
        Problem("/cartItems/2/schemeName", "required", "Item 3: Scheme name is required"),
    ]


@pytest.mark.parametrize("nominees", [None, [], {}, "x", 5])
def test_nominees_are_required_unless_opted_out(nominees: Any) -> None:
    assert messages(order_form(nominees=nominees)) == ["Nominee information is required"]
    assert messages(order_form(nominees=nominees, optOutOfNomination=True)) == []


def test_what_is_wrong_with_the_mode_is_told_before_the_items() -> None:
    spoilt = {"cartItems": [cart_item(amount=0)], "nominees": [], "euin": "x"}
    rest = ["Item 1: Amount must be greater than 0", "Nominee information is required", "EUIN is invalid"]
    assert messages(order_form(transactionMode=None, **spoilt)) == ["Transaction mode is required", *rest]
    unknown = "Transaction mode must be one of Physical, Email, Telephone, Online"
    assert messages(order_form(transactionMode={"mode": "Fax"}, **spoilt)) == [unknown, *rest]


def test_opting_out_silences_every_rule_on_nominees() -> None:
    assert messages(order_form(nominees=[{"percentage": 5, "pan": "x"}], optOutOfNomination=True)) == []


@pytest.mark.parametrize(
    "shares",
    [
        *((100,), ("100",), (50, 50), ("33.33", "33.33", "33.34"), (99.99,), (Decimal("100.01"),)),
        (100 / 3, 100 / 3, "33.33333333333333333"),
    ],
)
def test_shares_total_100_within_a_hundredth(shares: tuple[Any, ...]) -> None:
    exact = [Decimal(str(share)) if isinstance(share, float) else share for share in shares]
    assert with_nominees(*(nominee(percentage=share) for share in exact)) == []


@pytest.mark.parametrize(
    ("shares", "total"),
    [
        ((60, 30), "90"),
        (("99.50",), "99.5"),
        ((Decimal("100.02"),), "100.02"),
        ((None,), "0"),
        ((0.1,), "0"),
        ((100, 100), "200"),
    ],
)
def test_any_other_total_is_told_with_its_figure(shares: tuple[Any, ...], total: str) -> None:
    told = with_nominees(*(nominee(percentage=share) for share in shares))
    assert told[0] == f"Nominee percentages must total 100%. Current: {total}%"


def test_a_share_that_is_no_number_is_told_beside_the_total() -> None:
    assert with_nominees(nominee(percentage="half"), nominee(percentage=True)) == [
        "Nominee percentages must total 100%. Current: 0%",
        "Nominee 1: Percentage is not a valid number",
        "Nominee 2: Percentage is not a valid number",
    ]


@pytest.mark.parametrize(
    "pan", [None, "", "abcde1234f", "ABCDE12345", "ABCDE1234FX", "ABCDE1234F\n", 5, [], "ABCDE١234F"]
)
def test_an_adult_nominee_has_a_valid_pan(pan: Any) -> None:
    assert judge(order_form(nominees=[nominee(pan=pan)]), on=ON) == [
        Problem("/nominees/0/pan", "invalid_pan", "Nominee 1: PAN is invalid")
    ]


@pytest.mark.parametrize(
    "minor", [{"isMinor": True}, {"dateOfBirth": "2010-01-01"}, {"isMinor": False, "dateOfBirth": "2010-01-01"}]
)
@pytest.mark.parametrize("missing", GUARDIAN)
def test_a_minor_needs_every_detail_of_the_guardian(minor: dict[str, Any], missing: str) -> None:
    expected = ["Nominee 1: Guardian details are required for a minor"]
    assert with_nominees(nominee(**minor, **GUARDIAN)) == []
    assert with_nominees(nominee(**minor, **GUARDIAN | {missing: ""})) == expected
    assert with_nominees(nominee(**minor)) == expected


@pytest.mark.parametrize("name", [None, "  ", 0, [], {}])
def test_a_guardian_has_a_name(name: Any) -> None:
    expected = ["Nominee 1: Guardian details are required for a minor"]
    assert with_nominees(nominee(isMinor=True, **GUARDIAN | {"guardianName": name})) == expected


def test_a_minor_may_have_no_pan_but_not_a_false_one() -> None:
    assert with_nominees(nominee(pan=None, isMinor=True, **GUARDIAN)) == []
    assert with_nominees(nominee(pan="x", isMinor=True, **GUARDIAN)) == ["Nominee 1: PAN is invalid"]


def test_a_guardians_false_pan_is_told_once() -> None:
    told = judge(order_form(nominees=[nominee(isMinor=True, **GUARDIAN | {"guardianPan": "x"})]), on=ON)
    assert told == [Problem("/nominees/0/guardianPan", "invalid_pan", "Nominee 1: PAN is invalid")]


@pytest.mark.parametrize(
    ("born", "on", "minor"),
    [
        ("2008-11-21", date(2026, 11, 21), False),
        ("2008-11-22", date(2026, 11, 21), True),
        ("2008-02-29", date(2026, 2, 28), True),
        ("2008-02-29", date(2026, 3, 1), False),
        ("2008-11-22T18:30:00.000Z", date(2026, 11, 21), True),
    ],
)
def test_age_is_counted_on_the_day_of_submission(born: str, on: date, minor: bool) -> None:
    told = messages(order_form(nominees=[nominee(dateOfBirth=born)]), on)
    assert told == (["Nominee 1: Guardian details are required for a minor"] if minor else [])


@pytest.mark.parametrize("born", ["01/04/1990", "1990-02-30", "soon", 19900401, [1990], True])
def test_a_date_of_birth_is_a_date(born: Any) -> None:
    assert with_nominees(nominee(dateOfBirth=born)) == ["Nominee 1: Date of birth is not a valid date"]


@pytest.mark.parametrize("euin", ["e123456", "E12345", "E1234567", "X123456", 5, [], "E123456\n"])
def test_an_euin_is_judged_where_it_may_stand(euin: Any) -> None:
    mode = {"mode": "Email", "euin": euin}
    assert judge(order_form(euin=euin, transactionMode=mode), on=ON) == [
        Problem("/transactionMode/euin", "invalid_euin", "EUIN is invalid"),
        Problem("/euin", "invalid_euin", "EUIN is invalid"),
    ]


@pytest.mark.parametrize("euin", [None, "", "E123456", "EABC123"])
def test_an_euin_may_be_absent(euin: Any) -> None:
    assert messages(order_form(euin=euin, transactionMode={"mode": "Email", "euin": euin})) == []


@pytest.mark.parametrize("reference", [None, "", "A-1", "é" * 100, "🙂"])
def test_a_client_reference_is_a_short_text(reference: Any) -> None:
    assert messages(order_form(clientRef=reference)) == []


@pytest.mark.parametrize("reference", ["x" * 101, 5, True, [], {}])
def test_any_other_client_reference_is_refused(reference: Any) -> None:
    assert messages(order_form(clientRef=reference)) == ["clientRef must be text of at most 100 characters"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optOutOfNomination": "yes"}, "optOutOfNomination must be true or false"),
        ({"settlementAccount": [1]}, "settlementAccount must be an object"),
        ({"branchCode": {}}, "branchCode must be text"),
        ({"fullSwitchData": "x"}, "fullSwitchData must be an object"),
        ({"cartItems": [cart_item(id=[])]}, "Item 1: id must be text"),
        ({"cartItems": [cart_item(units="many")]}, "Item 1: Units is not a valid number"),
        ({"cartItems": [cart_item(nav=-1)]}, "Item 1: NAV is not a valid number"),
        ({"nominees": [nominee(isMinor=1)]}, "Nominee 1: isMinor must be true or false"),
        ({"nominees": [nominee(), 5]}, "Nominee 2 must be an object"),
    ],
)
def test_wrong_types_are_told_in_words(changes: dict[str, Any], message: str) -> None:
    assert messages(order_form(**changes)) == [message]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 10 + "\udfff"])
@pytest.mark.parametrize("where", ["value", "key", "judged"])
def test_text_that_cannot_be_stored_is_a_problem_of_its_row(text: str, where: str) -> None:
    spoilt: dict[str, Any] = {"value": {"remark": {"deep": [text]}}, "key": {text: 1}, "judged": {"branchCode": text}}
    assert messages(order_form(**spoilt[where]))[-1] == "Text with NUL or lone surrogates cannot be stored"


def test_emoji_backslashes_and_long_texts_can_be_stored() -> None:
    assert messages(order_form(remark="🙂 \\u0000 \\ud800 \x01", essay="x" * 1_000_000, number=10**400)) == []


def test_figures_of_absurd_length_are_refused_like_others() -> None:
    assert with_item(amount=10**5000) == ["Item 1: Amount is not a valid number"]
    assert with_item(amount="9" * 1_000_000) == ["Item 1: Amount is not a valid number"]
    assert messages(order_form(branchCode=10**5000)) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(st.characters()) | st.floats(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=12,
)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "cartItems": JSON | st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(cart_item(), JSON))),
        "transactionMode": JSON | st.fixed_dictionaries({}, optional={"mode": JSON, "euin": JSON}),
        "nominees": JSON
        | st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys([*nominee(), *GUARDIAN, "isMinor"], JSON))),
        **dict.fromkeys(["optOutOfNomination", "euin", "clientRef", "settlementAccount", "fullSwitchData"], JSON),
    },
)


@given(JSON | NEARLY)
def test_no_json_value_makes_the_rulebook_raise_and_its_verdict_is_always_the_same(row: Any) -> None:
    verdict = judge(row, on=ON)
    assert verdict == judge(row, on=ON)
    assert all(problem.message.isprintable() for problem in verdict)


def test_a_row_nested_beyond_reason_does_not_raise() -> None:
    deep: Any = "\0"
    for _ in range(5000):
        deep = [deep]
    assert messages(order_form(remark=deep)) == ["Text with NUL or lone surrogates cannot be stored"]
