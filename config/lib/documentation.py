"""What the OpenAPI document says of every call: who may make it, and how it is refused."""

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.permissions import AllowAny

from config.lib.camel import CamelSerializer

Schema = dict[str, Any]
SAFE: Final = {"GET", "HEAD", "OPTIONS"}


class ErrorDetailSerializer(CamelSerializer):
    path = serializers.CharField(help_text="JSON pointer, e.g. /orders/3/cartItems/0/amount")
    code = serializers.CharField()
    message = serializers.CharField()


class ErrorSerializer(CamelSerializer):
    """The one shape of every refusal."""

    success = serializers.BooleanField(help_text="false")
    message = serializers.CharField()
    errors = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]  # a field on the wire
    code = serializers.CharField(help_text="For machines; it does not change.")
    details = ErrorDetailSerializer(many=True, required=False)


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular is half typed
    """A person's session; what changes something needs the CSRF token, too."""

    target_class = "config.lib.authentication.SessionAuthentication"
    name = ["session", "csrfToken"]  # as the base class has it

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        names = self.name[:1] if auto_schema.method in SAFE else self.name
        return [{name: [] for name in names}]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[Schema]:
        cookie, token = settings.SESSION_COOKIE_NAME, "The value of the csrftoken cookie."
        return [
            {"type": "apiKey", "in": "cookie", "name": cookie},
            {"type": "apiKey", "in": "header", "name": "X-CSRFToken", "description": token},
        ]


class Call(AutoSchema):
    """One call of the API. A view's `required_scopes` say whether a key may make it; 405 answers any other method."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Schema | None:
        operation: Schema | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            content = {"application/json": {"schema": self.resolve_serializer(ErrorSerializer, "response").ref}}
            refusals = {status: {"description": text, "content": content} for status, text in self._refusals(operation)}
            operation["responses"] = dict(sorted((refusals | operation["responses"]).items()))
            if self._scope:
                operation["description"] = f"{operation.get('description', '')}\n\nScope of a key: `{self._scope}`."
        return operation

    def get_auth(self) -> list[dict[str, list[Any]]]:
        ways: list[dict[str, list[Any]]] = super().get_auth()
        needs_somebody = any(way.keys() & {"session"} for way in ways)
        return [way for way in ways if needs_somebody and (self._scope is not None or "session" in way)]

    @property
    def _scope(self) -> str | None:
        needed: dict[str, str] = getattr(self.view, "required_scopes", {})
        return needed.get(getattr(self.view, "action", self.method))

    def _refusals(self, operation: Schema) -> Iterator[tuple[str, str]]:
        if AllowAny in self.view.permission_classes:
            return
        yield "400", "Something in the call is not as it must be; `details` say what and where."
        yield "401", "Nobody is known by these credentials."
        yield "403", "Not permitted, the key lacks the scope, or the CSRF token is missing."
        if "{" in self.path:
            yield "404", "There is no such thing, or it is not the caller's."
        if self.method not in SAFE:
            yield "409", "It contradicts the present state, or a limit of numbers."
            yield "413", "The body is too large."
            yield "415", "The body's type is not the one that this call takes."
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", [])):
            yield "422", "The Idempotency-Key was used with another body."
        yield "429", "Too many calls; `Retry-After` says when the next one may be made."
        yield "503", "Something that is needed is down, or busy; `Retry-After` says when to try again."
