"""Sheets for people: an empty one to fill in, and the failed rows of a batch to correct and upload again."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any, Final

from openpyxl import Workbook
from rest_framework.negotiation import DefaultContentNegotiation

from bulk_orders.models import Batch, Result
from bulk_orders.sheets import ADDED, COLUMNS, guarded, line_of, surplus
from bulk_orders.verdicts import Outcome

ROWS_A_FETCH: Final = 2_000


class Echo:
    """A file that hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def failed_rows(batch: Batch) -> Iterator[str]:
    """CSV in the upload's own columns, with the row's index and error; nothing is held in memory."""
    writer = csv.writer(Echo())
    yield writer.writerow((*ADDED, *COLUMNS))
    failed = batch.results.filter(status=Outcome.FAILED).order_by("order_index")
    for result in failed.iterator(chunk_size=ROWS_A_FETCH):
        yield writer.writerow((result.order_index, *_line(result)))


def _line(result: Result) -> list[str]:
    """Error and cells. An order that a line cannot hold comes without cells: uploaded, it fails, and is not cut."""
    error, form = result.error or "", result.order_data
    if excess := surplus(form):
        error = f"{error}; This order has {excess}, more than a line holds: correct it and send it as JSON"
        form = {"clientRef": form.get("clientRef")}
    return [guarded(error), *line_of(form)]


def template_csv() -> bytes:
    return (",".join(COLUMNS) + "\r\n").encode()


def template_xlsx() -> bytes:
    workbook, target = Workbook(write_only=True), io.BytesIO()
    workbook.create_sheet("Orders").append(COLUMNS)
    workbook.save(target)
    return target.getvalue()


TEMPLATES: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "csv": (template_csv, "text/csv; charset=utf-8"),
    "xlsx": (template_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


class AnyAccept(DefaultContentNegotiation):
    """A sheet is what its address says, whatever ``Accept`` asks for; errors are JSON as everywhere."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type
