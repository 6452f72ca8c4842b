"""The one rulebook: says everything that is wrong with one row, whether it came alone or in a batch. Pure and total.

``judge`` never raises, for any JSON value, and its verdict depends on the row and the day alone.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

import orjson
from pydantic import AliasPath, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from bulk_orders.order_form import CartItem, Nominee, OrderForm, TransactionMode

SECTIONS = {"cartItems": "Item", "nominees": "Nominee"}
# What pydantic itself may find, said in words; every other type is one of order_form's own sentences.
SHAPES = {
    "not_text": "text",
    "not_an_account": "an object",
    "bool_type": "true or false",
    "model_type": "an object",
    "dict_type": "an object",
}


class Problem(NamedTuple):
    """`path` is a JSON pointer from the row's own root (RFC 6901)."""

    path: str
    code: str
    message: str


NOT_AN_OBJECT = Problem("", "invalid_type", "Order must be an object")
DUPLICATE_CLIENT_REF = Problem("/clientRef", "duplicate_client_ref", "Duplicate clientRef")
UNSTORABLE_TEXT = Problem("", "invalid_text", "Text with NUL or lone surrogates cannot be stored")

# pydantic names a field that was absent by its Python name.
WIRE_NAMES = {
    name: alias if isinstance(alias, str) else "/".join(map(str, alias.path))
    for form in (OrderForm, CartItem, Nominee, TransactionMode)
    for name, field in form.model_fields.items()
    if isinstance(alias := field.validation_alias, str | AliasPath)
}
_form = TypeAdapter(OrderForm).validator


def judge(row: Any, *, on: date) -> list[Problem]:
    """All problems of a row, in the form's order; none: it becomes an order. `on` is the submission's UTC day."""
    if not isinstance(row, dict):
        return [NOT_AN_OBJECT]
    problems: list[Problem] = []
    try:
        _form.validate_python(row, context={"on": on})
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [_told(detail) for detail in found]
    return problems if storable(row) else [*problems, UNSTORABLE_TEXT]


def _told(detail: ErrorDetails) -> Problem:
    where = [step if isinstance(step, int) else WIRE_NAMES.get(step, step) for step in detail["loc"]]
    message = detail["msg"]
    if shape := SHAPES.get(detail["type"]):
        message = f"{where[-1]} must be {shape}"
    if len(where) > 1 and isinstance(where[1], int):
        row = f"{SECTIONS[str(where[0])]} {where[1] + 1}"
        message = f"{row} must be {shape}" if shape and len(where) == 2 else f"{row}: {message}"
    return Problem("".join(f"/{step}" for step in where), detail["type"], message)


def storable(value: Any) -> bool:
    """PostgreSQL keeps neither NUL nor lone surrogates. The serialiser's C looks first; only suspects are walked."""
    try:
        return b"\\u0000" not in orjson.dumps(value, default=str) or not any(map(_unstorable, _texts(value)))
    except TypeError:
        return not any(map(_unstorable, _texts(value)))


def _unstorable(text: str) -> bool:
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as members:
                waiting += [*members.keys(), *members.values()]
            case list() as members:
                waiting += members
