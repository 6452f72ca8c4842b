"""JSON whose figures keep every digit: what a partner wrote is what we store, sign and echo."""

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Self

import orjson
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.types.json import Jsonb

MAX_DEPTH = 32
_MAX_EXPONENT = 400
_NATIVE_INTEGER_DIGITS = 18
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_TOO_DEEP = f"JSON is nested deeper than {MAX_DEPTH} levels"


class TooDeep(ValueError):
    """The document is nested deeper than any of ours."""


class Exponential(Decimal):
    """A number written with an exponent. Decimal alone forgets how 5e0 or 1e-1 was written, and the text is judged."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


def loads(text: bytes | str) -> Any:
    """Parse JSON: fractions and integers beyond 64 bits become `Decimal`. Raises `ValueError`, `TooDeep` among them."""
    source = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    try:
        value = json.loads(source, parse_float=_decimal, parse_int=_integer, parse_constant=_refuse_constant)
    except RecursionError:
        raise TooDeep(_TOO_DEEP) from None
    if _is_deeper(value, MAX_DEPTH):
        raise TooDeep(_TOO_DEEP)
    return value


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON; a `Decimal` becomes a number with its exact digits, a `datetime` ISO-8601 UTC with ``Z``."""
    return orjson.dumps(value, default=_encode, option=orjson.OPT_PASSTHROUGH_DATETIME)


def as_utc(moment: datetime) -> str:
    """ISO-8601 in UTC with ``Z``, the one spelling of a moment on the wire."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _encode(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(_written(value))
    if isinstance(value, datetime):
        return as_utc(value)
    if isinstance(value, str):  # Django's lazy translations and str subclasses
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _written(number: Decimal) -> str:
    """The text of a figure as it was written: left to itself, Decimal makes 1E-7 of 0.0000001."""
    return str(number) if isinstance(number, Exponential) else format(number, "f")


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text) if "e" not in text.lower() else Exponential(text)
    except InvalidOperation:  # an exponent beyond Decimal's own limits, which is no ValueError
        raise ValueError(f"number out of range: {text[:40]}") from None
    # PostgreSQL's numeric ends far below Decimal's exponents; nobody's amount has 400 digits.
    if abs(number.adjusted()) > _MAX_EXPONENT:
        raise ValueError(f"number out of range: {text[:40]}")
    return number


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= _NATIVE_INTEGER_DIGITS else _decimal(text)


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def has_unstorable_text(value: Any) -> bool:
    """Whether a key or string in `value` holds NUL or a lone surrogate, which PostgreSQL's text and JSONB refuse."""
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is not None
    if isinstance(value, dict):
        return any(has_unstorable_text(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(map(has_unstorable_text, value))


def spelt_out(value: Any, names: Collection[str]) -> Any:
    """`value` with the figures of these names as their text where JSONB keeps another: 1000 of 1e3, 0.0 of -0.0."""
    if isinstance(value, dict):
        return {key: _as_written(part) if key in names else spelt_out(part, names) for key, part in value.items()}
    return [spelt_out(part, names) for part in value] if isinstance(value, list) else value


def _as_written(value: Any) -> Any:
    is_changed = isinstance(value, Exponential) or (isinstance(value, Decimal) and not value and value.is_signed())
    return _written(value) if is_changed else value


def storable_text(text: str) -> str:
    """`text` with U+FFFD in place of what PostgreSQL refuses: for replies of others, which we keep but do not own."""
    return _UNSTORABLE.sub("\ufffd", text)


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in parts)


class ExactJSONField(models.JSONField):
    """JSONB that neither reads nor writes a number through a float."""

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        return value if value is None or not isinstance(value, str | bytes) else loads(value)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        return None if value is None else jsonb(value)


def jsonb(value: Any) -> Jsonb:
    """A parameter for psycopg that is written by `dumps`."""
    return Jsonb(value, dumps=dumps)
