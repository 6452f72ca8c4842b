"""Statements whose speed matters: parameters travel apart from the text, so that PostgreSQL plans once
(see `config.lib.postgresql.connections`)."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection


def execute(statement: str, parameters: Mapping[str, Any] | Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement on Django's connection, inside its transaction if there is one, and return all rows.

    Lists are best written ``%(name)b::type[]``: in binary, they cost a fifth of what their text form does.
    """
    connection.ensure_connection()
    session: psycopg.Connection[tuple[Any, ...]] = connection.connection
    with connection.wrap_database_errors, psycopg.Cursor(session) as cursor:
        cursor.execute(statement.encode(), parameters, binary=True)
        # Not `description`, which makes an object for each column.
        return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


def ask(statement: bytes, *parameters: Any) -> list[tuple[Any, ...]]:
    """The same for what every call asks, with ``$1``, ``$2`` … in its text and few rows in its answer: by a cursor that
    stays with the connection, and keeps the answer until the next. To make one takes longer than to use it."""
    connection.ensure_connection()
    session: psycopg.Connection[tuple[Any, ...]] = connection.connection
    with connection.wrap_database_errors:
        cursor: psycopg.RawCursor[tuple[Any, ...]] | None = vars(session).get("gateway_cursor")
        if cursor is None:
            cursor = vars(session)["gateway_cursor"] = psycopg.RawCursor(session)
        cursor.execute(statement, parameters, binary=True)
        return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
