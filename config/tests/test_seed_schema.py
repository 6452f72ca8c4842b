"""The migrated database against the customer's SQL: both are built by PostgreSQL itself and read from its catalogue."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection

TABLES = [
    "webhooks",
    "webhook_deliveries",
    "bulk_order_batches",
    "bulk_order_results",
    "integrations",
    "integration_usage_logs",
]
SEED = (Path(__file__).parent / "seed_schema.sql").read_text()

COLUMNS = """
    SELECT column_name, udt_name, is_nullable, column_default, is_identity
    FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"""
INDEXES = """
    SELECT i.relname, pg_get_indexdef(x.indexrelid), x.indisunique
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    WHERE t.relnamespace = %s::regnamespace AND t.relname = %s AND NOT x.indisprimary"""
FOREIGN_KEYS = """
    SELECT a.attname, f.relname, c.confdeltype, c.condeferrable
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND t.relnamespace = %s::regnamespace AND t.relname = %s"""


@pytest.fixture
def seed(db: None) -> None:
    """The customer's schema beside ours. Its users and orders are tables that it names without describing."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA seed")
        cursor.execute("SET LOCAL search_path = seed")
        cursor.execute("CREATE TABLE users (id SERIAL PRIMARY KEY); CREATE TABLE orders (id SERIAL PRIMARY KEY)")
        cursor.execute(SEED)
        cursor.execute("SET LOCAL search_path = public")


def rows(query: str, schema: str, table: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, [schema, table])
        return list(cursor.fetchall())


def columns(schema: str, table: str) -> dict[str, tuple[str, str, str | None]]:
    """name → (type, nullable, default): SERIAL and identity are one thing, now() and CURRENT_TIMESTAMP another."""
    found = {}
    for name, kind, nullable, default, identity in rows(COLUMNS, schema, table):
        counted = identity == "YES" or (default or "").startswith("nextval")
        found[name] = (
            kind,
            nullable,
            "counted" if counted else default and default.replace("now()", "CURRENT_TIMESTAMP"),
        )
    return found


def indexes(schema: str, table: str) -> dict[str, tuple[str, bool]]:
    """name → (definition without schema and noise, unique)."""
    return {
        name: (definition.replace(f"{schema}.", "").replace("(active = true)", "active"), unique)
        for name, definition, unique in rows(INDEXES, schema, table)
    }


def foreign_keys(schema: str, table: str) -> set[tuple[Any, ...]]:
    # The seed's users are Django's.
    return {
        (column, target.replace("auth_user", "users"), *rest)
        for column, target, *rest in rows(FOREIGN_KEYS, schema, table)
    }


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_the_seed_has_its_type_nullability_and_default(seed: None, table: str) -> None:
    wanted, ours = columns("seed", table), columns("public", table)
    assert wanted
    assert {name: ours.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("table", TABLES)
def test_every_index_of_the_seed_has_its_name_columns_and_predicate(seed: None, table: str) -> None:
    wanted, ours = indexes("seed", table), indexes("public", table)
    assert wanted
    assert {name: ours.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("table", TABLES)
def test_every_foreign_key_of_the_seed_cascades_in_the_database(seed: None, table: str) -> None:
    wanted = foreign_keys("seed", table)
    assert wanted
    assert wanted <= foreign_keys("public", table)


@pytest.mark.parametrize("table", TABLES)
def test_columns_beyond_the_seed_leave_its_inserts_valid(seed: None, table: str) -> None:
    """A column of ours is nullable or has a default, unless the contract itself demands its value."""
    demanded = {
        "webhook_deliveries": {"event_id"},
        "bulk_order_batches": {"judged_on", "trace_id"},
        "bulk_order_results": {"status"},
    }
    added = {n: c for n, c in columns("public", table).items() if n not in columns("seed", table)}
    assert {n for n, (_, nullable, default) in added.items() if nullable == "NO" and default is None} <= demanded.get(
        table, set()
    )


@pytest.mark.parametrize("table", [*TABLES, "webhook_events"])
def test_text_keys_have_no_like_twin(db: None, table: str) -> None:
    assert not [name for name in indexes("public", table) if name.endswith("_like")]
