from typing import Any

from bulk_orders.documentation import A_FORM, ORDER_FORM, in_openapi
from bulk_orders.rulebook import judge
from bulk_orders.tests.test_rulebook import ON


def every(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for part in schema for found in every(part)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(found for part in schema.values() for found in every(part))]


def test_the_documented_form_has_no_word_that_openapi_3_0_lacks() -> None:
    for schema in every({name: value for name, value in ORDER_FORM.items() if name != "example"}):
        assert schema.get("type") != "null"
        assert not {"$ref", "$defs"} & set(schema)


def test_the_documented_form_speaks_as_the_wire_does() -> None:
    assert {"cartItems", "transactionMode", "nominees", "optOutOfNomination", "clientRef"} <= set(
        ORDER_FORM["properties"]
    )
    assert ORDER_FORM["properties"]["cartItems"]["items"]["properties"]["transactionType"]["enum"][0] == "Purchase"


def test_the_example_is_an_order_that_passes() -> None:
    assert judge(A_FORM | {"cartItems": [A_FORM["cartItems"][0] | {"amount": "5000.50"}]}, on=ON) == []


def test_null_becomes_nullable() -> None:
    assert in_openapi({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, {}) == {
        "type": "string",
        "nullable": True,
    }
