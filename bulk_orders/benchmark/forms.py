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
            "cartItems": [
                {
                    "id": "1",
                    "productId": scheme["productId"],
                    "schemeName": scheme["schemeName"],
                    "transactionType": "Purchase",
                    "amount": Decimal(500000 + number) / 100,
                    "orderType": "Additional Purchase",
                }
            ],
            "transactionMode": {"mode": "Email", "email": "investor@example.com", "euin": "E123456"},
            "branchCode": "B001",
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
