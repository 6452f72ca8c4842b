"""Statements whose speed matters: parameters travel apart from the text, so that PostgreSQL plans once
(see `config.lib.postgresql.connections`)."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, TypeAlias

import psycopg
from django.db import connection
from psycopg import errors, generators
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format

Session: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
Row: TypeAlias = tuple[Any, ...]
# Text and figures: they travel as text, and the statement says of what type they are.
Parameter: TypeAlias = str | int | None
# Who rolls back, alters or drops something makes the driver have all forgotten that a connection had prepared; who
# alters a column makes an answer of another form.
_FORGOTTEN = (errors.InvalidSqlStatementName, errors.FeatureNotSupported)
_numbers = count(1)


def execute(statement: str, parameters: Mapping[str, Any] | Sequence[Any]) -> list[Row]:
    """Run a statement on Django's connection, inside its transaction if there is one, and return all rows.

    Lists are best written ``%(name)b::type[]``: in binary, they cost a fifth of what their text form does.
    """
    connection.ensure_connection()
    session: Session = connection.connection
    with connection.wrap_database_errors, psycopg.Cursor(session) as cursor:
        cursor.execute(statement.encode(), parameters, binary=True)
        # Not `description`, which makes an object for each column.
        return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


def ask(statement: bytes, *parameters: Parameter) -> list[Row]:
    """The same for what every call asks, with ``$1``, ``$2`` … in its text and few rows in its answer: prepared here,
    and sent past the driver's cursors, which take longer than PostgreSQL does.

    A cursor does it in a transaction, which a statement that has been forgotten would end, and where none may be
    prepared."""
    connection.ensure_connection()
    session: Session = connection.connection
    with connection.wrap_database_errors:
        if not session.autocommit or session.prepare_threshold is None:
            with psycopg.RawCursor(session) as cursor:
                cursor.execute(statement, parameters, binary=True)
                return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
        kept = _kept(session)
        try:
            return kept.run(statement, parameters)
        except _FORGOTTEN:
            kept.names.clear()
            return kept.run(statement, parameters)


class _Kept:
    """What stays with a connection: the names of what it has prepared, and how answers are read."""

    def __init__(self, session: Session) -> None:
        self.session, self.names = session, dict[bytes, bytes]()
        self.transformer = Transformer(session)

    def run(self, statement: bytes, parameters: Sequence[Parameter]) -> list[Row]:
        name = self.names.get(statement) or self._prepare(statement)
        values = [None if value is None else str(value).encode() for value in parameters]
        self.session.pgconn.send_query_prepared(name, values, result_format=Format.BINARY)
        return self._answer()

    def _prepare(self, statement: bytes) -> bytes:
        name = b"gateway_%d" % next(_numbers)
        self.session.pgconn.send_prepare(name, statement)
        self._answer()
        self.names[statement] = name
        return name

    def _answer(self) -> list[Row]:
        *_, result = self.session.wait(generators.execute(self.session.pgconn))
        if result.status == ExecStatus.TUPLES_OK:
            self.transformer.set_pgresult(result)
            return self.transformer.load_rows(0, result.ntuples, tuple)
        if result.status != ExecStatus.COMMAND_OK:
            raise errors.error_from_result(result, encoding=self.session.info.encoding)
        return []


def _kept(session: Session) -> _Kept:
    kept: _Kept | None = vars(session).get("gateway_kept")
    if kept is None:
        kept = vars(session)["gateway_kept"] = _Kept(session)
    return kept
