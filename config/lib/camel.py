"""camelCase on the wire, snake_case in Python: names change once per serializer class, payloads are never rewritten."""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, TypeAlias

from django.conf import settings
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.serializer_helpers import BindingDict

from config.lib import exact_json
from config.lib.errors import BadRequest, TooLarge

Field: TypeAlias = "serializers.Field[Any, Any, Any, Any]"


@lru_cache(maxsize=1024)
def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


class CamelFields:
    """Mixin: a field declared ``retry_schedule`` is ``retrySchedule`` to clients.

    A shape's fields are made once, and not for every request, which took a fifth of the time of a small one. They must
    not look at a serializer's `context`, which would be nobody's.
    """

    @property
    def fields(self) -> BindingDict:
        shape: Any = type(self)
        return _bound_fields(shape, self.partial)  # type: ignore[attr-defined]  # as below

    @classmethod
    def shown(cls, row: Any) -> dict[str, Any]:
        """What clients see of `row`. Of a shape that is made for it, as its `data` is, half the time would be the
        framework's counting of fields, by which Python forgets what it knows of the methods of all of them."""
        shape: Any = cls
        data: dict[str, Any] = _common(shape, partial=False).to_representation(row)
        return data

    def get_fields(self) -> dict[str, Field]:
        fields = super().get_fields()  # type: ignore[misc]  # the mixin sits before a Serializer
        return {camel(name): _from_attribute(name, field) for name, field in fields.items()}


@cache
def _common(shape: Any, *, partial: bool) -> Any:
    """A serializer that differs from others of its class in nothing that a field asks for."""
    return shape(partial=partial)


@cache
def _bound_fields(shape: Any, partial: bool) -> BindingDict:
    bound: BindingDict = super(CamelFields, _common(shape, partial=partial)).fields
    return bound


def _from_attribute(name: str, field: Field) -> Field:
    """`field`, still fed by the attribute or method that its declared name means."""
    if isinstance(field, serializers.SerializerMethodField):
        field.method_name = field.method_name or f"get_{name}"
    elif camel(name) != name and field.source is None:
        field.source = name
    return field


class CamelSerializer(CamelFields, serializers.Serializer[Any]):
    """Base of every request and reply shape that is not a model's."""


class CamelModelSerializer(CamelFields, serializers.ModelSerializer[Any]):
    """Base of every reply shape that mirrors a model. Writing is a service's work, never the serializer's."""


class AnyAccept(DefaultContentNegotiation):
    """Every view has one form of reply; a browser that asks for HTML gets it as well."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


class JsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else exact_json.dumps(data)


class JsonParser(BaseParser):
    """Bounded JSON: at most `settings.MAX_BODY_BYTES`, 32 levels, exact figures, and no text that a column refuses."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        text = read_body(stream, settings.MAX_BODY_BYTES, _promised(parser_context or {}))
        try:
            value = exact_json.loads(text)
        except exact_json.TooDeep as error:
            raise BadRequest(str(error), code="too_deep") from None
        except ValueError as error:
            raise BadRequest(f"Malformed JSON: {error}", code="malformed_json") from None
        return self.checked(value)

    def checked(self, value: Any) -> Any:
        if exact_json.has_unstorable_text(value):
            raise BadRequest("Text holds a NUL character or a lone surrogate", code="invalid_text")
        return value


class RowTolerantJsonParser(JsonParser):
    """For bulk calls, where unstorable text is the error of the one row that holds it; elsewhere, of the request."""

    def checked(self, value: Any) -> Any:
        if isinstance(value, dict):
            super().checked({name: part for name, part in value.items() if name != "orders"})
        return value


def _promised(parser_context: Mapping[str, Any]) -> int:
    request = parser_context.get("request")
    return int(request.META.get("CONTENT_LENGTH") or 0) if request else 0


def read_body(stream: Any, limit: int, promised: int) -> bytes:
    """The body, or 413 at once if its headers promise more than `limit` bytes, else as soon as it has more."""
    text: bytes = stream.read(limit + 1) if promised <= limit else b""
    if max(promised, len(text)) > limit:
        raise TooLarge(f"Request body exceeds {limit} bytes", code="body_too_large")
    return text
