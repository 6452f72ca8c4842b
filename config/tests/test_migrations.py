"""Migrations run while the gateway serves: what has been released never changes, what is new holds nobody up."""

import hashlib
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from pytest_django.plugin import DjangoDbBlocker

from config.lib.environment import CHECKOUT

# As of `sha256sum`; a release adds its own (docs/operations/deploying.md).
LIST = (Path(__file__).parent / "released_migrations.txt").read_text()
RELEASED = {path: digest for digest, path in (line.split() for line in LIST.splitlines())}
APPS = {"bulk_orders": "bulk_orders", "integrations": "integrations", "webhooks": "webhooks"}
APPS |= {"config": "gateway", "config/lib": "kernel"}
# Rules of squawk that do not hold here, and why.
NOT_OURS = {
    "prefer-bigint-over-int": "columns of the seed schema and small counters are INTEGER",
    "prefer-bigint-over-smallint": "as above",
    "require-lock-timeout": "the release sets one for all of its statements (DATABASE_LOCK_TIMEOUT)",
    "require-statement-timeout": "an index that is built beside the traffic may take its time",
    "prefer-robust-stmts": "what is not concurrent is one transaction; what is, is told in deploying.md",
}
SQUAWK = [str(Path(sys.executable).parent / "squawk"), "--pg-version", "18.0", "--reporter", "gcc"]
# In a migration: what it does in spite of a rule, and why that stops nobody.
EXCEPTION = re.compile(r"^# squawk-ignore ([\w-]+): .+", re.MULTILINE)


def migrations() -> dict[str, tuple[str, str]]:
    """Label and name of each, by path."""
    return {
        f"{folder}/migrations/{file.name}": (label, file.stem)
        for folder, label in APPS.items()
        for file in sorted((CHECKOUT / folder / "migrations").glob("0*.py"))
    }


def findings(sql: str, *exceptions: str) -> list[str]:
    excluded = [f"--exclude={rule}" for rule in (*NOT_OURS, *exceptions)]
    ran = subprocess.run([*SQUAWK, *excluded], input=sql, capture_output=True, text=True, check=False)
    assert ran.returncode in {0, 1}, ran.stderr
    return [line for line in ran.stdout.splitlines() if re.search(r":\d+: (warning|error): ", line)]


@pytest.mark.django_db
def test_every_migration_is_looked_at() -> None:
    ours = {(label, name) for label, name in MigrationLoader(connection).disk_migrations if label in APPS.values()}
    assert ours == set(migrations().values())


@pytest.mark.parametrize("path", RELEASED)
def test_a_released_migration_never_changes(path: str) -> None:
    """Databases out there have run it: what is to be different goes into a new one."""
    assert hashlib.sha256((CHECKOUT / path).read_bytes()).hexdigest() == RELEASED[path]


@pytest.mark.parametrize("path", [path for path in migrations() if path not in RELEASED])
def test_a_new_migration_holds_nobody_up(django_db_setup: None, django_db_blocker: DjangoDbBlocker, path: str) -> None:
    label, name = migrations()[path]
    sql = StringIO()
    with django_db_blocker.unblock():  # and in no transaction, within which nothing is built concurrently
        call_command("sqlmigrate", label, name, stdout=sql, no_color=True)
    assert findings(sql.getvalue(), *EXCEPTION.findall((CHECKOUT / path).read_text())) == []


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("ALTER TABLE orders ADD COLUMN folio text NOT NULL", "adding-required-field"),
        ("ALTER TABLE orders ALTER COLUMN status SET NOT NULL", "adding-not-nullable-field"),
        ("ALTER TABLE orders ALTER COLUMN id TYPE bigint", "changing-column-type"),
        ("ALTER TABLE orders RENAME COLUMN status TO state", "renaming-column"),
        ("ALTER TABLE orders RENAME TO mandates", "renaming-table"),
        ("ALTER TABLE orders DROP COLUMN status", "ban-drop-column"),
        ("DROP TABLE orders", "ban-drop-table"),
        ("CREATE INDEX idx ON orders (status)", "require-concurrent-index-creation"),
        ("BEGIN; CREATE INDEX CONCURRENTLY i ON orders (id); COMMIT", "ban-concurrent-index-creation-in-transaction"),
        ("ALTER TABLE orders ADD CONSTRAINT positive CHECK (id > 0)", "constraint-missing-not-valid"),
        ("ALTER TABLE orders ADD CONSTRAINT one UNIQUE (trace_id)", "disallowed-unique-constraint"),
        ("ALTER TABLE orders ADD FOREIGN KEY (claimed_by) REFERENCES auth_user (id)", "adding-foreign-key-constraint"),
    ],
)
def test_what_would_hold_the_traffic_up_is_found(statement: str, rule: str) -> None:
    assert any(rule in finding for finding in findings(statement + ";"))
    assert not any(rule in finding for finding in findings(statement + ";", rule))


def test_what_holds_nobody_up_passes() -> None:
    assert findings("ALTER TABLE orders ADD COLUMN folio text; ALTER TABLE orders ADD COLUMN n int DEFAULT 0;") == []
