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
