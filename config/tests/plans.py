"""What PostgreSQL would do at size: tables that claim to hold millions of rows, and the plans of what is then run.

The planner is told sizes and distributions (`pg_restore_relation_stats`, `pg_restore_attribute_stats`), and
`auto_explain` tells the plan of every statement that this connection runs: those of our code as it stands, prepared or
not, and those of foreign keys and their cascades.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from django.db import connection

ROWS = {
    "audit_log": 2_000_000,
    "bulk_order_batches": 200_000,
    "bulk_order_results": 2_000_000,
    "hour_figures": 500_000,
    "idempotency_keys": 1_000_000,
    "integration_usage_days": 1_000_000,
    "integration_usage_hours": 2_000_000,
    "integration_usage_logs": 10_000_000,
    "order_payments": 1_000_000,
    "order_transitions": 2_000_000,
    "orders": 1_000_000,
    "webhook_deliveries": 2_500_000,
    "webhook_delivery_attempts": 10_000_000,
    "webhook_events": 2_500_000,
    "webhook_hours": 2_000_000,
}
PAGES = 20_000  # that a table of millions would have at the very least: the few that are here cost as much to read
WAITING = 1000  # rows of the partial indexes over what is still to be done
ENDPOINTS = 1000  # and as many integrations, users and batches among whom rows are shared out
# Of a status a few rows are unlike the rest, and they are the ones that are looked for.
SHARES = {
    ("webhook_deliveries", "status"): {"delivered": 0.9889, "failed": 0.01, "pending": 0.0008, "retrying": 0.0003},
    ("webhook_deliveries", "lane"): {"0": 0.99, "1": 0.01},
    ("webhook_deliveries", "event"): {"order.created": 0.9, "order.updated": 0.1},
    ("orders", "status"): {"Settled": 0.9, "Failed": 0.09, "Pending Approval": 0.01},
    ("bulk_order_batches", "status"): {"completed": 0.9, "partial": 0.0999, "processing": 0.0001},
    ("bulk_order_results", "status"): {"succeeded": 0.99, "failed": 0.01},
}
ABSENT = {
    ("webhook_deliveries", "next_retry_at"): 0.9996,
    ("webhook_deliveries", "lease"): 0.9999,
    ("webhook_deliveries", "leased_until"): 0.9999,
}
SUBJECTS = 6  # of the hourly figures
SPREAD = ("webhook_id", "integration_id", "user_id", "client_id", "batch_id", "caller", "target_id")
DAYS = 90


class Finding(NamedTuple):
    """A big table that is read from beginning to end, and by which statement."""

    table: str
    statement: str


@contextmanager
def at_size() -> Iterator[None]:
    """The planner believes in millions of rows. The tables must have a page each, and nobody may look again."""
    try:
        for table, rows in ROWS.items():
            _execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            _claim_rows(table, rows)
            for column, kind in _columns(table):
                _execute("SELECT pg_clear_attribute_stats('public', %s, %s, false)", table, column)
                _claim_values(table, column, kind)
        _execute(f"SET seq_page_cost = {PAGES}")
        yield
    finally:
        _execute("RESET seq_page_cost")
        for table in ROWS:
            _execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")
            _execute(f"ANALYZE {table}")


@contextmanager
def watched() -> Iterator[list[Finding]]:
    """What of big tables is read as a whole by the statements of this connection."""
    findings: list[Finding] = []
    session = connection.connection
    assert isinstance(session, psycopg.Connection)

    def heard(notice: psycopg.errors.Diagnostic) -> None:
        _, is_plan, text = (notice.message_primary or "").partition("plan:\n")
        if is_plan:
            findings.extend(_findings(json.loads(text)))

    session.add_notice_handler(heard)
    _set(log_min_duration="0", log_level="notice", log_format="json", log_nested_statements="on")
    try:
        yield findings
    finally:
        _set(log_min_duration="-1")
        session.remove_notice_handler(heard)


def can_watch() -> bool:
    """Whether this server has the extension, and lets us load it."""
    with suppress(psycopg.Error), connection.wrap_database_errors:
        _execute("LOAD 'auto_explain'")
        return True
    return False


def _findings(explained: dict[str, Any]) -> Iterator[Finding]:
    for node in _nodes(explained["Plan"]):
        if node["Node Type"] == "Seq Scan" and node.get("Relation Name") in ROWS:
            yield Finding(node["Relation Name"], " ".join(explained["Query Text"].split()))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _claim_rows(table: str, rows: int) -> None:
    """As many on the pages that are there: from their number and the file's size the planner reckons the rows."""
    _restore("relation", table, relpages=_pages(table), reltuples=float(rows), relallvisible=_pages(table))
    for index, is_partial in _execute(
        "SELECT i.relname, x.indpred IS NOT NULL FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid"
        " WHERE x.indrelid = %s::regclass",
        table,
    ):
        _restore("relation", index, relpages=2, reltuples=float(WAITING if is_partial else rows))


def _claim_values(table: str, column: str, kind: str) -> None:
    shares = SHARES.get((table, column), {})
    facts: dict[str, Any] = {"null_frac": ABSENT.get((table, column), 0.0), "avg_width": 16}
    kinds = len(shares) or (ENDPOINTS if column in SPREAD else SUBJECTS if column == "subject" else -1)
    facts["n_distinct"] = float(kinds)
    if shares:
        facts |= {"most_common_vals": f"{{{','.join(map(_quoted, shares))}}}", "most_common_freqs": [*shares.values()]}
    elif kind == "timestamptz":
        facts |= {"histogram_bounds": f"{{{','.join(map(_quoted, _moments()))}}}", "correlation": 1.0}
    _restore("attribute", table, attname=column, inherited=False, **facts)


def _moments() -> list[str]:
    now = datetime.now(UTC)
    return [(now - timedelta(days=DAYS) * (1 - part / 100)).isoformat() for part in range(101)]


def _quoted(value: str) -> str:
    return f'"{value}"'


def _columns(table: str) -> list[tuple[Any, ...]]:
    return _execute(
        "SELECT attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND t.typname <> ALL (%s)",
        table,
        ["jsonb", "bytea", "_int4", "_text"],
    )


def _pages(table: str) -> int:
    [(pages,)] = _execute("SELECT pg_relation_size(%s::regclass) / 8192", table)
    assert pages, f"{table} is empty: make a row"
    return int(pages)


_TYPES = {
    "relpages": "int", "relallvisible": "int", "reltuples": "real", "null_frac": "real", "avg_width": "int",
    "n_distinct": "real", "most_common_freqs": "real[]", "correlation": "real", "inherited": "bool",
}  # fmt: skip


def _restore(what: str, table: str, **facts: Any) -> None:
    named = {"schemaname": "public", "relname": table} | facts
    places = ", ".join(f"'{name}', %s::{_TYPES.get(name, 'text')}" for name in named)
    _execute(f"SELECT pg_restore_{what}_stats({places})", *named.values())


def _set(**options: str) -> None:
    for name, value in options.items():
        _execute(f"SET auto_explain.{name} = {value}")


def _execute(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []
