"""An example for every body of the OpenAPI document, so that a partner sees what to send and what comes back."""

from collections.abc import Iterator
from typing import Any, Final

from bulk_orders.examples import EXAMPLES as OF_ORDERS
from integrations.examples import EXAMPLES as OF_INTEGRATIONS
from webhooks.examples import EXAMPLES as OF_WEBHOOKS

Schema = dict[str, Any]

_USER: Final = {"id": 7, "username": "asha", "fullName": "Asha Rao", "email": "asha@partner.example", "role": "partner"}
# By the call where its message is its own, else by the name of the shape.
EXAMPLES: Final[Schema] = {
    **OF_ORDERS,
    **OF_INTEGRATIONS,
    **OF_WEBHOOKS,
    "CredentialsRequest": {"username": "asha", "password": "correct horse battery"},
    "LoggedIn": {"user": _USER, "message": "Login successful"},
    "Me": {"user": _USER},
    "Message": {"message": "Logout successful"},
    "Live": {"status": "alive"},
    "Ready": {"status": "ready"},
    "Health": {
        "status": "healthy",
        "database": "connected",
        "redis": "connected",
        "workers": "running",
        "beat": "running",
        "version": "1.0.0",
    },
    "UploadRequest": {"file": "orders.csv", "options": {"validateOnly": True}},
}


def attach(result: Schema, **_: Any) -> Schema:
    """drf-spectacular's hook: every body of a call, asked or answered, that has a shape gets the shape's example."""
    for operation in _operations(result):
        for content in _bodies(operation):
            example = EXAMPLES.get(operation["operationId"]) if content not in _asked(operation) else None
            example = example or _example_of(content.get("schema", {}), result["components"]["schemas"])
            if example is not None and "examples" not in content:
                content["example"] = example
    return result


def _operations(document: Schema) -> Iterator[Schema]:
    for methods in document["paths"].values():
        yield from methods.values()


def _asked(operation: Schema) -> list[Schema]:
    return list(operation.get("requestBody", {}).get("content", {}).values())


def _bodies(operation: Schema) -> Iterator[Schema]:
    yield from _asked(operation)
    for status, reply in operation["responses"].items():
        if status.startswith("2"):
            yield from reply.get("content", {}).values()


def _example_of(schema: Schema, components: Schema) -> Any:
    name = schema.get("$ref", "").rpartition("/")[2]
    if name in EXAMPLES:
        return EXAMPLES[name]
    if name:
        return _example_of(components[name], components)
    if schema.get("type") == "array":
        inner = _example_of(schema["items"], components)
        return inner and [inner]
    return schema.get("example")
