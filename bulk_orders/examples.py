"""What the OpenAPI document shows of orders and batches, by the names of its shapes and, where one shape has several
messages, of its calls."""

from typing import Any, Final

from bulk_orders.documentation import A_FORM, A_SUBMISSION

_ORDER: Final[dict[str, Any]] = {
    "id": 1042,
    "modelOrderId": "MO-20260105-7K2M9QXW4B1C",
    "clientId": 7,
    "orderFormData": A_FORM,
    "status": "Pending Approval",
    "submittedAt": "2026-01-05T09:30:00Z",
    "authorizedAt": None,
    "authorizedBy": None,
    "rejectedAt": None,
    "rejectedReason": None,
    "claimedBy": None,
    "rtaRefNo": None,
    "orderPaymentReference": None,
    "pgPaymentReferenceNo": None,
    "paymentLinkedStatus": None,
    "payRemarks": None,
    "ipAddress": "203.0.113.7",
    "traceId": "TRACE-1767605400000-4f7h2kq",
}
_BATCH: Final[dict[str, Any]] = {
    "batchId": A_SUBMISSION["batchId"],
    "status": "partial",
    "total": 2,
    "processed": 2,
    "succeeded": 1,
    "failed": 1,
    "createdAt": "2026-01-05T09:30:00Z",
    "completedAt": "2026-01-05T09:30:00.210Z",
}
_RESULT: Final[dict[str, Any]] = {
    "index": 0,
    "clientRef": A_FORM["clientRef"],
    "status": "succeeded",
    "success": True,
    "orderId": _ORDER["id"],
    "modelOrderId": _ORDER["modelOrderId"],
    "error": None,
    "code": None,
    "problems": None,
    "run": 1,
    "earlier": None,
}
_ERRORS: Final = A_SUBMISSION["summary"]["errors"]


def _after(deed: str, **changes: Any) -> dict[str, Any]:
    return {"success": True, "message": f"Order {deed} successfully", "data": _ORDER | changes}


_AUTHORIZED: Final = {"status": "In Progress", "authorizedAt": "2026-01-05T10:00:00Z", "authorizedBy": 3}
_REJECTED: Final = {"status": "Failed", "rejectedAt": "2026-01-05T10:00:00Z", "rejectedReason": "Signature missing"}
_REPORTED: Final = {"status": "Settlement Pending", "rtaRefNo": "RTA-88123"}
_ORDERS: Final = "order_management_orders"
EXAMPLES: Final[dict[str, Any]] = {
    "Order": _ORDER,
    "OrderReply": _after("submitted"),
    f"{_ORDERS}_claim_create": _after("claimed", claimedBy=3),
    f"{_ORDERS}_release_create": _after("released", status="Pending"),
    f"{_ORDERS}_authorize_create": _after("authorized", **_AUTHORIZED),
    f"{_ORDERS}_reject_create": _after("rejected", **_REJECTED),
    f"{_ORDERS}_cancel_create": _after("cancelled", status="Cancelled"),
    f"{_ORDERS}_status_create": _after("updated", **_AUTHORIZED | _REPORTED),
    "ReasonRequest": {"reason": "Signature missing"},
    "StatusRequestRequest": {
        "status": "Settlement Pending",
        "rtaRefNo": "RTA-88123",
        "nav": 43.21,
        "units": "115.7267",
    },
    "PaymentRequestRequest": {"status": "received", "paymentReference": "PAY-2026-0001", "amount": 5000.5},
    "PaymentReply": {
        "success": True,
        "message": "Payment recorded successfully",
        "data": {
            "orderId": _ORDER["id"],
            "modelOrderId": _ORDER["modelOrderId"],
            "paymentReference": "PAY-2026-0001",
            "amount": 5000.5,
            "status": "received",
            "remarks": None,
        },
    },
    "Transition": {
        "at": "2026-01-05T10:00:00Z",
        "by": 3,
        "from": "Pending Approval",
        "to": "In Progress",
        "reason": None,
        "details": None,
    },
    "Submitted": A_SUBMISSION,
    "Batch": _BATCH,
    "BatchDetail": _BATCH | {"skipped": 0, "orders": [_RESULT], "errors": _ERRORS, "error": None, "run": 1},
    "Result": _RESULT,
}
