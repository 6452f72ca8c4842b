"""What PostgreSQL shall do itself and Django's models cannot say: used by the models and by their first migrations."""

from typing import Any

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation
from django.db.models import Func
from django.db.models.functions import Now
from django.db.models.sql.compiler import SQLCompiler


class TransactionTime(Now):
    """``CURRENT_TIMESTAMP``, the seed schema's ``NOW()``; Django's own `Now` is the statement's time."""

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        return "CURRENT_TIMESTAMP", ()


class ExactDecimalField(models.DecimalField):  # type: ignore[type-arg]  # generic in the stubs alone
    """``numeric`` without a scale, which keeps the zeros that were written: 5000.50 does not come back as 5000.5000.

    `max_digits` and `decimal_places` bound what forms take, not the column.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "numeric"


class NextDeliverySequence(Func):
    """The next number of ``webhook_deliveries_sequence``."""

    template = "nextval('webhook_deliveries_sequence')"
    output_field = models.BigIntegerField()


class LongNameIndex(models.Index):
    """An index whose name is the seed schema's, though longer than the 30 characters that Django allows for Oracle."""

    max_name_length = 63


def count_under_lock(table: str, user_id: int, *, condition: str = "true") -> int:
    """How many rows of `table` a user has. The user's row stays locked to the end of the transaction: of two calls at
    once, the second counts what the first has made.

    Both statements go in one message, which PostgreSQL takes because our cursors bind parameters themselves. Each has
    its own snapshot, and that of the count is taken when the lock is held.
    """
    lock = "SELECT FROM auth_user WHERE id = %s FOR NO KEY UPDATE"
    count = f"SELECT count(*) FROM {table} WHERE user_id = %s AND {condition}"  # noqa: S608  # our own words
    with connection.cursor() as cursor:
        cursor.execute(f"{lock}; {count}", [user_id, user_id])
        cursor.nextset()
        return int(cursor.fetchone()[0])


def foreign_key(table: str, column: str, target: str, to_column: str = "id", on_delete: str = "CASCADE") -> RunSQL:
    """A constraint that PostgreSQL checks at once and cascades itself: a million deliveries go without being loaded."""
    name = f"{table}_{column}_fkey"
    return RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column})"
        f" REFERENCES {target} ({to_column}) ON DELETE {on_delete}",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


def patient(concurrent: Operation) -> list[Operation]:
    """What is done concurrently waits for everybody's transaction of before, an upload's for example, and nobody waits
    for it meanwhile: a release's limit of waiting for a lock is not meant for it."""
    wait, as_before = "SET lock_timeout = 0", "RESET lock_timeout"
    return [RunSQL(wait, as_before), concurrent, RunSQL(as_before, wait)]


def drop_like_indexes(*tables: str) -> RunSQL:
    """Django adds a ``text_pattern_ops`` twin to every TEXT key, for LIKE searches that nobody makes on random ids."""
    names = ", ".join(f"'{table}'" for table in tables)
    return RunSQL(
        f"""
        DO $$ DECLARE twin text; BEGIN
          FOR twin IN SELECT indexname FROM pg_indexes
                      WHERE schemaname = current_schema() AND tablename IN ({names}) AND indexname LIKE '%\\_like'
          LOOP EXECUTE format('DROP INDEX %I', twin); END LOOP;
        END $$""",  # noqa: S608  # the names are our own migrations'
        RunSQL.noop,
    )
