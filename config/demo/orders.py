"""Order forms of the demo: real schemes, generated investors and amounts, and a few rows that must be refused."""

import csv
import itertools
from collections.abc import Iterator
from typing import Any

from config.lib.environment import CHECKOUT

Row = dict[str, Any]
SCHEMES = CHECKOUT / "bulk_orders/data/schemes.csv"
BAD_EVERY = 25


def forms(count: int) -> list[Row]:
    """So many rows, every 25th of them wrong in one way or another."""
    rows = [_form(number, scheme) for number, scheme in zip(range(count), _schemes(), strict=False)]
    for number, spoil in zip(range(BAD_EVERY - 1, count, BAD_EVERY), itertools.cycle(SPOILS)):
        rows[number] |= spoil
    return rows


def _schemes() -> Iterator[Row]:
    with SCHEMES.open(newline="") as file:
        yield from itertools.cycle(list(csv.DictReader(file)))


def _form(number: int, scheme: Row) -> Row:
    return {
        "clientRef": f"demo-{number + 1}",
        "cartItems": [
            {
                "id": "1",
                "productId": scheme["productId"],
                "schemeName": scheme["schemeName"],
                "transactionType": "Purchase",
                "orderType": "Initial Purchase" if number % 3 else "Additional Purchase",
                "amount": f"{1000 + 250 * (number % 37)}.50",
            }
        ],
        "transactionMode": {"mode": "Email", "email": f"investor{number}@example.com"},
        "investmentAccount": None,
        "settlementAccount": None,
        "branchCode": "B001",
        "nominees": [_nominee()],
        "optOutOfNomination": False,
    }


def _nominee() -> Row:
    return {
        "id": "1",
        "name": "Asha Rao",
        "relationship": "Spouse",
        "dateOfBirth": "1988-04-01",
        "pan": "ABCDE1234F",
        "percentage": 100,
    }


SPOILS: list[Row] = [
    {"cartItems": []},
    {"nominees": [_nominee() | {"pan": "not a PAN"}]},
    {"nominees": [_nominee() | {"percentage": 80}]},
    {"transactionMode": None},
]
