"""Statements whose speed matters: parameters travel apart from the text, so that PostgreSQL plans once
(see `config.lib.postgresql.connections`)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
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
    return send(statement, *parameters)()


def send(statement: bytes, *parameters: Parameter) -> Callable[[], list[Row]]:
    """As `ask`, but for the wait, which is what is returned. What else the connection is asked waits for it, too."""
    connection.ensure_connection()
    session: Session = connection.connection
    with connection.wrap_database_errors:
        if not session.autocommit or session.prepare_threshold is None:
            with psycopg.RawCursor(session) as cursor:
                cursor.execute(statement, parameters, binary=True)
                rows = cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
            return lambda: rows
        return partial(_received, Sent(_kept(session), statement, parameters))


def settle(session: Session) -> None:
    """Wait for what is under way on a connection: it can be asked one thing at a time."""
    kept: _Kept | None = vars(session).get("gateway_kept")
    if kept and kept.under_way:
        kept.under_way.finish()


class Sent:
    """A statement under way. What became of it is kept for who waits for it: another may have come first."""

    def __init__(self, kept: "_Kept", statement: bytes, parameters: Sequence[Parameter]) -> None:
        self._kept, self._statement = kept, statement
        self._values = [None if value is None else str(value).encode() for value in parameters]
        self._rows: list[Row] = []
        self._error: psycopg.Error | None = None
        kept.send(statement, self._values)
        kept.under_way = self

    def finish(self) -> None:
        if self._kept.under_way is self:
            self._kept.under_way = None
            try:
                self._rows = self._answer()
            except psycopg.Error as error:
                self._error = error

    def rows(self) -> list[Row]:
        self.finish()
        if self._error:
            raise self._error
        return self._rows

    def _answer(self) -> list[Row]:
        try:
            return self._kept.answer()
        except _FORGOTTEN:
            self._kept.names.clear()
            self._kept.send(self._statement, self._values)
            return self._kept.answer()


class _Kept:
    """What stays with a connection: the names of what it has prepared, and how answers are read."""

    def __init__(self, session: Session) -> None:
        self.session, self.names = session, dict[bytes, bytes]()
        self.transformer = Transformer(session)
        self.under_way: Sent | None = None

    def send(self, statement: bytes, values: list[bytes | None]) -> None:
        name = self.names.get(statement) or self._prepare(statement)
        self.session.pgconn.send_query_prepared(name, values, result_format=Format.BINARY)

    def _prepare(self, statement: bytes) -> bytes:
        name = b"gateway_%d" % next(_numbers)
        self.session.pgconn.send_prepare(name, statement)
        self.answer()
        self.names[statement] = name
        return name

    def answer(self) -> list[Row]:
        *_, result = self.session.wait(generators.execute(self.session.pgconn))
        if result.status == ExecStatus.TUPLES_OK:
            self.transformer.set_pgresult(result)
            return self.transformer.load_rows(0, result.ntuples, tuple)
        if result.status != ExecStatus.COMMAND_OK:
            raise errors.error_from_result(result, encoding=self.session.info.encoding)
        return []


def _received(sent: Sent) -> list[Row]:
    with connection.wrap_database_errors:
        return sent.rows()


def _kept(session: Session) -> _Kept:
    kept: _Kept | None = vars(session).get("gateway_kept")
    if kept is None:
        kept = vars(session)["gateway_kept"] = _Kept(session)
    return kept
