"""What a batch's page tells: how far it is, and its failed rows first."""

from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bulk_orders.admin.tones import batch_badge, batch_progress
from bulk_orders.batches import RUNNING
from bulk_orders.downloads import MEDIA_TYPES
from bulk_orders.models import Batch, Order, Result
from bulk_orders.verdicts import Outcome
from config.lib.console import marks
from config.lib.console.records import Fact, Panel, Record, facts, table

SHOWN, FIRST = 100, 10  # rows that failed, and that did not


def record(batch: Batch) -> Record:
    rows = format_html('<span class="c-number">{} of {}</span>', f"{batch.processed:,}", f"{batch.total:,}")
    shown = (
        Fact("Progress", format_html("{} {}", batch_progress(batch), rows)),
        Fact("Succeeded", marks.number(batch.succeeded)),
        Fact("Failed", marks.number(batch.failed)),
        Fact("Skipped", marks.number(batch.skipped)),
        Fact("Submitted", marks.when(batch.created_at)),
        Fact("Completed", marks.when(batch.completed_at)),
    )
    refresh = 2 if batch.status in RUNNING else 0
    return Record(batch.batch_id, batch_badge(batch), sentence(batch), shown, refresh=refresh)


def called(batch: Batch) -> str:
    """To be told apart where something is about to be done to it."""
    return f"{batch.batch_id}: {marks.counted(batch.total, 'row')}, submitted by {batch.user.get_username()}"


def sentence(batch: Batch) -> str:
    if batch.error:
        return f"{batch.error}."
    if batch.status in RUNNING:
        return "Workers are carrying it out; this page follows by itself."
    if batch.validate_only:
        return f"{batch.succeeded:,} of {batch.total:,} rows are valid. Nothing has been created: this only validates."
    return f"{batch.succeeded:,} of {batch.total:,} rows became orders."


def failed_rows(request: HttpRequest, batch: Batch) -> Panel:
    rows = [
        (marks.record_link(Result, row.pk, row.order_index), row.client_ref, row.error)
        for row in _rows(batch, Outcome.FAILED)
    ]
    said = f"The first {SHOWN} of {batch.failed:,}; rows count from 0" if batch.failed > SHOWN else "Rows count from 0"
    note = format_html("{}. Download them to correct: {}", said, _downloads(batch)) if rows else said
    headers = ("Row", "Client's reference", "What is wrong with it")
    return table("Failed rows", headers, rows, empty="No row has failed.", note=note)


def _downloads(batch: Batch) -> SafeString:
    page = marks.record_url(batch, batch.pk)
    formats = ((f"{page}failed.{extension}", extension.upper()) for extension in MEDIA_TYPES)
    return format_html_join(", ", '<a class="c-link" href="{}">{}</a>', formats)


def made_orders(request: HttpRequest, batch: Batch) -> Panel:
    found = _rows(batch, Outcome.SUCCEEDED)[:FIRST]
    said = f"The first {FIRST} of {batch.succeeded:,}" if batch.succeeded > FIRST else ""
    every = (marks.list_url(Result, batch__pk__exact=batch.pk), "All rows")
    if batch.validate_only:
        valid = [(marks.record_link(Result, row.pk, row.order_index), row.client_ref) for row in found]
        headers: tuple[str, ...] = ("Row", "Client's reference")
        return table("Valid rows", headers, valid, empty="No row is valid.", note=said, link=every, wide=False)
    rows = [
        (
            marks.record_link(Result, row.pk, row.order_index),
            marks.record_link(Order, row.order_id, row.model_order_id),
            row.client_ref,
        )
        for row in found
    ]
    headers = ("Row", "Order", "Client's reference")
    empty = "None yet." if batch.status in RUNNING else "No row became an order."
    return table("Orders", headers, rows, empty=empty, note=said, link=every, wide=False)


def particulars(request: HttpRequest, batch: Batch) -> Panel:
    options = [
        "stops at the first failed row" if batch.stop_on_error else "goes on after a failed row",
        "only validates" if batch.validate_only else "makes orders",
    ]
    return facts(
        "Particulars",
        Fact("Submitted by", marks.record_link(type(batch.user), batch.user_id, batch.user.get_username())),
        Fact("Way", ", ".join(options)),
        Fact("Run", marks.number(batch.run), "One more for each retry of its failed rows"),
        Fact("Ages judged on", batch.judged_on.isoformat(), "Who is a minor was decided by this day (UTC)"),
        Fact("Submitted from", batch.ip_address or marks.NOTHING),
        Fact("Request id", marks.code(batch.request_id) if batch.request_id else marks.NOTHING),
        Fact("Trace id", marks.code(batch.trace_id)),
    )


def _rows(batch: Batch, outcome: Outcome) -> list[Result]:
    found = Result.objects.filter(batch_id=batch.pk, status=outcome).defer("order_data", "problems", "earlier")
    return list(found.order_by("order_index")[:SHOWN])
