"""Identifiers have the shapes that clients parse."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from config.lib import ids

DAY = datetime(2026, 3, 9, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: ids.new_id("wh"), r"wh_\d{13}_[0-9a-f]{16}"),
        (lambda: ids.new_id("ak", 32), r"ak_\d{13}_[0-9a-f]{32}"),
        (ids.trace_id, r"TRACE-\d{13}-[0-9a-z]{7}"),
        (lambda: ids.batch_id(DAY), r"BATCH-20260309-[A-Z0-9]{8}"),
        (lambda: ids.model_order_ids(DAY, 1)[0], r"MO-20260309-[A-Z0-9]{12}"),
    ],
)
def test_shape(make: Callable[[], str], shape: str) -> None:
    assert re.fullmatch(shape, make())


def test_many_identifiers_of_one_moment_are_all_different() -> None:
    assert len(set(ids.new_ids("evt", 5_000))) == 5_000
    assert all(re.fullmatch(r"evt_\d{13}_[0-9a-f]{16}", made) for made in ids.new_ids("evt", 3))
    assert len(set(ids.model_order_ids(DAY, 5_000))) == 5_000


def test_letters_are_drawn_evenly() -> None:
    drawn = "".join(model_order_id[-12:] for model_order_id in ids.model_order_ids(DAY, 20_000))
    counts = [drawn.count(letter) for letter in sorted(set(drawn))]
    assert len(counts) == 36
    assert max(counts) < 1.1 * min(counts)
