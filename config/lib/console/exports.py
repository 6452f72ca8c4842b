"""A selection as a CSV file. Whatever a spreadsheet would take for a formula is handed over as text."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.http import StreamingHttpResponse

from config.lib import exact_json
from config.lib.exact_json import as_utc

# OWASP, CSV injection: characters that start a formula, also in their full-width forms, and the white space that a
# spreadsheet passes over.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class _Echo:
    """A file for `csv` that hands back each line as it is written."""

    def write(self, line: str) -> str:
        return line


def neutral(value: Any) -> Any:
    """The value as a cell that no spreadsheet computes: text that looks like a formula gets a leading apostrophe."""
    if isinstance(value, datetime):
        return as_utc(value)
    if isinstance(value, dict | list):
        value = exact_json.dumps(value).decode()
    if isinstance(value, str) and value.lstrip(" ").startswith(_STARTS):
        return f"'{value}"
    return value


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    writer = csv.writer(_Echo())

    def lines() -> Iterator[str]:
        yield "\ufeff"  # without it spreadsheets take the text for something other than UTF-8
        yield writer.writerow(header)
        for row in rows:
            yield writer.writerow([neutral(value) for value in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
