"""Figures of bulk orders: rows and batches are counted as they are done, what is open is asked of the database."""

from collections.abc import Mapping

from config.lib.metrics.truths import Truth
from config.lib.metrics.values import Counter

ROWS = Counter("gateway_bulk_rows", "Rows of batches that were carried out.", ["outcome"])
BATCHES = Counter("gateway_bulk_batches", "Batches that have ended.", ["status"])

MOST = 10_000  # chunks that a figure looks at

TRUTHS = (
    Truth(
        "gateway_bulk_open_chunks",
        f"Chunks that are still to be carried out, up to {MOST:,}.",
        f"SELECT count(*) FROM (SELECT FROM bulk_order_chunks LIMIT {MOST}) AS chunk",  # noqa: S608  # a constant
    ),
    Truth(
        "gateway_bulk_oldest_open_seconds",
        "Age of the oldest batch that has chunks left; 0 without any.",
        # The chunks' own batches: few, however many batches there have been.
        f"""
        SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM bulk_order_batches
        WHERE batch_id IN (SELECT batch_id FROM bulk_order_chunks LIMIT {MOST})""",  # noqa: S608
    ),
)


def carried_out(outcomes: Mapping[str, int]) -> None:
    """Count a chunk's rows."""
    for outcome, number in outcomes.items():
        ROWS.labels(outcome).inc(number)
