from decimal import Decimal
from typing import Any

import pytest

from integrations.catalogue import TEMPLATES
from integrations.configuration import MASK, masked, merged, problems

SCHEMAS = {entry.id: entry.config_schema for entry in TEMPLATES}


@pytest.mark.parametrize(
    ("config", "changes", "result"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": 1}, {"missing": None}, {"a": 1}),
        ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"y": 2}}),
        ({"token": "real"}, {"token": MASK}, {"token": "real"}),
        ({}, {"token": MASK}, {"token": MASK}),
    ],
)
def test_merging(config: dict[str, Any], changes: dict[str, Any], result: dict[str, Any]) -> None:
    assert merged(config, changes) == result


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        *(
            (name, True)
            for name in ("secret", "clientSecret", "password", "apiKey", "api_key", "AUTHKEY", "accessToken")
        ),
        *((name, True) for name in ("salt", "privateKey", "credentials", "licenseKey")),
        *((name, False) for name in ("keyId", "merchantKeyId", "url", "name", "monkey", "fromEmail")),
    ],
)
def test_names_that_promise_a_secret_are_masked(name: str, *, hidden: bool) -> None:
    assert masked({name: "value"}) == {name: MASK if hidden else "value"}


def test_masking_goes_all_the_way_down_and_keeps_what_is_no_text() -> None:
    config = {"list": [{"password": "x"}, 1], "tokens": ["a", "b"], "deep": {"apiKey": "y", "n": None}, "token": 5}
    assert masked(config) == {
        "list": [{"password": MASK}, 1],
        "tokens": [MASK, MASK],
        "deep": {"apiKey": MASK, "n": None},
        "token": 5,
    }


def test_what_a_schema_calls_write_only_is_masked_whatever_its_name_and_type() -> None:
    schema = {"properties": {"pin": {"writeOnly": True}, "inner": {"properties": {"pin": {"writeOnly": True}}}}}
    assert masked({"pin": 1234, "inner": {"pin": {"a": 1}}}, schema) == {"pin": MASK, "inner": {"pin": MASK}}


@pytest.mark.parametrize(
    ("template", "config", "found"),
    [
        ("razorpay", {"keyId": "rzp_live_x", "keySecret": "s"}, []),
        ("razorpay", {}, [("/config/keyId", "required"), ("/config/keySecret", "required")]),
        ("razorpay", {"keyId": 1, "keySecret": ""}, [("/config/keyId", "type"), ("/config/keySecret", "minLength")]),
        ("payu", {"merchantKey": "k", "salt": "s", "environment": "x"}, [("/config/environment", "enum")]),
        ("cams", {"brokerCode": "ARN-12345", "userId": "u", "password": "p", "x/y": 1}, [("/config/x/y", "unknown")]),
        ("amfi-nav", {"schemeCodes": ["119551", "no"]}, [("/config/schemeCodes/1", "pattern")]),
        ("analytics-sink", {"samplePercent": Decimal("100.5")}, [("/config/samplePercent", "maximum")]),
        ("custom", {"anything": [1, {"goes": None}]}, []),
    ],
)
def test_problems_are_named_by_place_and_kind(
    template: str, config: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert [(problem["path"], problem["code"]) for problem in problems(config, SCHEMAS[template])] == found


def test_problems_never_quote_a_value() -> None:
    assert "hush" not in str(
        problems({"keyId": "hush", "keySecret": {"hush": 1}, "hush-key": 1}, SCHEMAS["razorpay"])[1:]
    )


def test_a_reference_to_elsewhere_is_not_fetched() -> None:
    with pytest.raises(Exception, match="Unresolvable"):
        problems({"a": 1}, {"$ref": "http://127.0.0.1:1/schema.json"})
