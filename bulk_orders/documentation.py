"""What the OpenAPI document says of orders and batches: parameters, forms, examples. Views name these, one a line."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from bulk_orders import serializers
from bulk_orders.models import BatchStatus
from bulk_orders.order_form import OrderForm
from bulk_orders.states import Status
from bulk_orders.verdicts import Outcome

Schema = dict[str, Any]
BATCHES: Final = ["Bulk orders"]
ORDERS: Final = ["Orders"]

A_FORM: Final[Schema] = {
    "clientRef": "SIP-2026-0001",
    "cartItems": [
        {
            "id": "1",
            "productId": "496",
            "schemeName": "QUANTUM VALUE FUND - DIRECT PLAN GROWTH OPTION",
            "transactionType": "Purchase",
            "amount": 5000.5,
            "orderType": "Initial Purchase",
        }
    ],
    "transactionMode": {"mode": "Email", "email": "investor@example.com", "euin": "E123456"},
    "nominees": [
        {
            "id": "1",
            "name": "Asha Rao",
            "relationship": "Spouse",
            "dateOfBirth": "1990-04-01",
            "pan": "ABCDE1234F",
            "percentage": 100,
        }
    ],
    "optOutOfNomination": False,
}
A_SUBMISSION: Final[Schema] = {
    "success": True,
    "batchId": "BATCH-20260105-4F7H2KQZ",
    "message": "Bulk order submitted for processing",
    "summary": {
        "total": 2,
        "submitted": 1,
        "failed": 1,
        "errors": [
            {
                "index": 1,
                "error": "Cart items are required",
                "problems": [{"path": "/cartItems", "code": "required", "message": "Cart items are required"}],
            }
        ],
    },
}


class FigureDocumentation(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # half typed
    target_class = "bulk_orders.serializers.FigureField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Schema:
        number = {"type": "number", "minimum": 0, "exclusiveMinimum": True}
        return number if direction == "response" else {"oneOf": [number, {"type": "string"}]}


def in_openapi(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """pydantic's JSON Schema as OpenAPI 3.0 spells it: definitions in place, `nullable` for null, no made-up titles."""
    if "$ref" in schema:
        return in_openapi(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    kept = {name: value for name, value in schema.items() if name not in ("title", "default", "$defs", "anyOf")}
    if "properties" in kept:
        kept["properties"] = {name: in_openapi(inner, definitions) for name, inner in kept["properties"].items()}
    if isinstance(kept.get("items"), Mapping):
        kept["items"] = in_openapi(kept["items"], definitions)
    choices = [in_openapi(choice, definitions) for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) < len(schema.get("anyOf", ())):
        kept["nullable"] = True
    return kept | (choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})


_form = OrderForm.model_json_schema()
ORDER_FORM: Final[Schema] = in_openapi(_form, _form["$defs"]) | {"example": A_FORM}
BULK_REQUEST: Final[Schema] = {
    "type": "object",
    "required": ["orders"],
    "properties": {
        "orders": {"type": "array", "minItems": 1, "maxItems": 100, "items": ORDER_FORM},
        "options": {
            "type": "object",
            "properties": {
                "stopOnError": {"type": "boolean", "default": False},
                "validateOnly": {"type": "boolean", "default": False},
            },
        },
    },
    "example": {"orders": [A_FORM], "options": {"stopOnError": True}},
}


def _query(name: str, description: str, schema: Any = str, choices: Any = None) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=description, enum=choices)


IDEMPOTENCY: Final = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key and body again within 24 hours: the first reply is replayed, the work not done twice.",
)
_accepted = OpenApiResponse(
    serializers.SubmittedSerializer, examples=[OpenApiExample("One row of two is wrong", A_SUBMISSION)]
)
_order_reply = serializers.OrderReplySerializer
_sheet = {"type": "string", "format": "binary"}

# What each action's `extend_schema` is given.
SUBMIT_BATCH: Final[Schema] = {
    "tags": BATCHES,
    "request": {"application/json": BULK_REQUEST},
    "responses": {202: _accepted},
    "parameters": [IDEMPOTENCY],
}
UPLOAD: Final[Schema] = {
    "tags": BATCHES,
    "request": {"multipart/form-data": serializers.UploadSerializer},
    "responses": {202: _accepted},
    "parameters": [IDEMPOTENCY],
}
LIST_BATCHES: Final[Schema] = {
    "tags": BATCHES,
    "responses": serializers.BatchSerializer(many=True),
    "parameters": [_query("status", "Batches in this status", choices=BatchStatus.values)],
}
GET_BATCH: Final[Schema] = {
    "tags": BATCHES,
    "responses": {200: serializers.BatchDetailSerializer, 304: OpenApiResponse(description="It has not moved")},
    "parameters": [
        _query("wait", "Seconds (at most 30) to wait for the batch to move", int),
        OpenApiParameter(
            "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag of what you have: only news are sent"
        ),
    ],
}
RESULTS: Final[Schema] = {
    "tags": BATCHES,
    "responses": serializers.ResultSerializer(many=True),
    "parameters": [_query("status", "Rows with this outcome", choices=[*map(str, Outcome)])],
}
FAILED_ROWS: Final[Schema] = {"tags": BATCHES, "responses": {(200, "application/octet-stream"): _sheet}}
TEMPLATE: Final[Schema] = {"tags": BATCHES, "responses": {(200, "application/octet-stream"): _sheet}}
CANCEL_BATCH: Final[Schema] = {"tags": BATCHES, "request": None, "responses": serializers.BatchDetailSerializer}
RETRY_BATCH: Final[Schema] = CANCEL_BATCH | {"responses": {202: serializers.BatchDetailSerializer}}

SUBMIT_ORDER: Final[Schema] = {
    "tags": ORDERS,
    "request": {"application/json": ORDER_FORM},
    "responses": {201: _order_reply},
    "parameters": [IDEMPOTENCY],
}
LIST_ORDERS: Final[Schema] = {
    "tags": ORDERS,
    "responses": serializers.OrderSerializer(many=True),
    "parameters": [
        _query("status", "Orders in this status", choices=[*map(str, Status)]),
        _query("startDate", "From this UTC day (2026-01-05) or ISO instant on"),
        _query("endDate", "Until this UTC day, which is included, or ISO instant"),
    ],
}
GET_ORDER: Final[Schema] = {"tags": ORDERS, "responses": serializers.OrderSerializer}
HISTORY: Final[Schema] = {"tags": ORDERS, "responses": serializers.TransitionSerializer(many=True), "filters": False}
STEP: Final[Schema] = {"tags": ORDERS, "request": None, "responses": _order_reply}
STEP_WITH_REASON: Final[Schema] = STEP | {"request": serializers.ReasonSerializer}
PAYMENT: Final[Schema] = {
    "tags": ORDERS,
    "request": serializers.PaymentRequestSerializer,
    "responses": {201: serializers.PaymentReplySerializer, 200: serializers.PaymentReplySerializer},
    "parameters": [IDEMPOTENCY],
}
REPORT: Final[Schema] = STEP | {"request": serializers.StatusRequestSerializer}
