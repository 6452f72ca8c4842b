"""A JSON value is what it is, never what it could be read as."""

from decimal import Decimal
from typing import Any

import pytest
from rest_framework.serializers import ValidationError

from config.lib import fields

VALUES: list[Any] = ["text", "5", "true", "", 5, 0, Decimal("5.0"), Decimal("0.5"), True, False, [], {}, None]


def taken(field: Any) -> list[Any]:
    """Which of the values a field takes; `repr` tells 5 from 5.0 and True."""
    found = []
    for value in VALUES:
        try:
            field.run_validation(value)
        except ValidationError:
            continue
        found.append(repr(value))
    return found


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (fields.TextField(), ["text", "5", "true"]),
        (fields.OptionalTextField(), ["text", "5", "true", "", None]),
        (fields.FlagField(), [True, False]),
        (fields.WholeNumberField(), [5, 0]),
        (fields.WholeNumberField(min_value=1), [5]),
    ],
)
def test_a_field_takes_its_own_kind_alone(field: Any, values: list[Any]) -> None:
    assert taken(field) == [repr(value) for value in values]


@pytest.mark.parametrize("value", ["", "  ", None])
def test_optional_text_that_says_nothing_is_none(value: Any) -> None:
    assert fields.OptionalTextField().run_validation(value) is None
