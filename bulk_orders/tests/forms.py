"""Order forms for the tests: a good one, and how to spoil it."""

from decimal import Decimal
from typing import Any

Row = dict[str, Any]


def cart_item(**changes: Any) -> Row:
    return {
        "id": "item-1",
        "productId": "496",
        "schemeName": "QUANTUM VALUE FUND - DIRECT PLAN GROWTH OPTION",
        "transactionType": "Purchase",
        "amount": Decimal("5000.50"),
        "orderType": "Initial Purchase",
    } | changes


def nominee(**changes: Any) -> Row:
    return {
        "id": "nominee-1",
        "name": "Asha Rao",
        "relationship": "Spouse",
        "dateOfBirth": "1990-04-01",
        "pan": "ABCDE1234F",
        "percentage": 100,
    } | changes


def order_form(**changes: Any) -> Row:
    return {
        "cartItems": [cart_item()],
        "transactionMode": {"mode": "Email", "email": "investor@example.com"},
        "investmentAccount": None,
        "settlementAccount": None,
        "branchCode": "B001",
        "nominees": [nominee()],
        "optOutOfNomination": False,
    } | changes
