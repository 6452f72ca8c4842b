"""Sheets for people: an empty one to fill in, and the failed rows of a batch to correct and upload again."""

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from django.http import HttpResponseBase, StreamingHttpResponse

from bulk_orders.models import Batch, Result
from bulk_orders.sheets import ADDED, COLUMNS, guarded, line_of, surplus
from bulk_orders.verdicts import Outcome
from bulk_orders.workbook_export import MEDIA_TYPE, write_rows
from config.lib import exact_json

Lines = Iterator[Sequence[str]]
Text = Iterator[str] | Iterator[bytes]

ROWS_A_FETCH: Final = 2_000
MAX_TOLD: Final = 10_000  # characters; a cell that is too long would make an upload of the whole file fail


class Echo:
    """A file that hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def failed_rows(batch: Batch, extension: str = "csv") -> Text:
    """The failed rows as an upload takes them, each with its index and error; nothing is held in memory."""
    results = batch.results.filter(status=Outcome.FAILED).order_by("order_index").iterator(chunk_size=ROWS_A_FETCH)
    return _jsonl(results) if extension == "jsonl" else TABLES[extension](_lines(results))


def template(extension: str) -> Text:
    """An empty sheet with all columns."""
    return TABLES[extension](iter([COLUMNS]))


def attachment(content: Text, name: str, extension: str) -> HttpResponseBase:
    reply = StreamingHttpResponse(content, content_type=MEDIA_TYPES[extension])
    reply["Content-Disposition"] = f'attachment; filename="{name}.{extension}"'
    return reply


def _csv(lines: Lines) -> Iterator[str]:
    return map(csv.writer(Echo()).writerow, lines)


def _jsonl(results: Iterator[Result]) -> Iterator[bytes]:
    """Whole forms: what a sheet's line has no room for is here. The verdict is ours: a row's own does not hide it."""
    for result in results:
        form = result.order_data if isinstance(result.order_data, dict) else {}
        yield exact_json.dumps(form | {"index": result.order_index, "error": result.error}) + b"\n"


def _lines(results: Iterator[Result]) -> Lines:
    yield (*ADDED, *COLUMNS)
    for result in results:
        yield (str(result.order_index), *_line(result))


def _line(result: Result) -> list[str]:
    """Error and cells. An order that a line cannot hold comes without cells: uploaded, it fails, and is not cut."""
    error, form = _cut(result.error or ""), result.order_data
    if excess := surplus(form):
        error = f"{error}; A line cannot hold all of this order ({_cut(excess)}): correct it in the JSONL download"
        reference = {"clientRef": form.get("clientRef")}
        form = {} if surplus(reference) else reference
    return [guarded(error), *line_of(form)]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TOLD else f"{text[:MAX_TOLD]} …"


TABLES: Final[dict[str, Callable[[Lines], Text]]] = {"csv": _csv, "xlsx": write_rows}
MEDIA_TYPES: Final = {"csv": "text/csv; charset=utf-8", "xlsx": MEDIA_TYPE, "jsonl": "application/jsonl; charset=utf-8"}
