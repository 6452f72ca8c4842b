"""What a JSON body holds is what it says: 5 is no text, "yes" no truth value, "3" no number.

A query string knows nothing but text: there `DigitsField` reads numbers, and the framework's own fields the rest.
"""

import re
from typing import Any

from rest_framework import serializers


class TextField(serializers.CharField):
    """Text, and not a number that could be written as text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class OptionalTextField(TextField):
    """Text that need not be there: absent, null and blank are all None."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_null=True, allow_blank=True, default=None, **options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(data) or None


class FlagField(serializers.BooleanField):
    """``true`` or ``false``, and no word or number that could stand for them."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class DigitsField(serializers.IntegerField):
    """An integer in a query string, in plain digits: what else Python's `int` would read as one is a mistake there."""

    def to_internal_value(self, data: Any) -> int:
        if not re.fullmatch("-?[0-9]+", str(data)):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumberField(serializers.IntegerField):
    """An integer, and no text or fraction that could be read as one."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data
