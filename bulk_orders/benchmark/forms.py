"""Order forms to measure with."""

import csv
import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import bulk_orders

SCHEMES: Final = Path(bulk_orders.__file__).parent / "data" / "schemes.csv"


def order_forms(count: int) -> Iterator[dict[str, Any]]:
    """Valid forms over the real schemes; amounts and people are generated."""
    with SCHEMES.open() as file:
        schemes = itertools.cycle(list(csv.DictReader(file)))
    for number, scheme in zip(range(count), schemes, strict=False):
        yield {
            "clientRef": f"R-{number}",
            "cartItems": [_item(scheme, Decimal(500000 + number) / 100)],
            "transactionMode": {"mode": "Email", "email": "investor@example.com", "euin": "E123456"},
            "branchCode": "B001",
            "nominees": [_nominee()],
            "optOutOfNomination": False,
        }


def _item(scheme: dict[str, str], amount: Decimal) -> dict[str, Any]:
    return {
        "id": "1",
        "productId": scheme["productId"],
        "schemeName": scheme["schemeName"],
        "transactionType": "Purchase",
        "amount": amount,
        "orderType": "Additional Purchase",
    }


def _nominee() -> dict[str, Any]:
    return {
        "id": "1",
        "name": "Asha Rao",
        "relationship": "Spouse",
        "dateOfBirth": "1990-04-01",
        "pan": "ABCDE1234F",
        "percentage": 100,
    }
