"""Batches: what was submitted in bulk, how far it is, and which rows could not be."""

from collections.abc import Sequence

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bulk_orders import downloads
from bulk_orders.admin import batch_page, upload
from bulk_orders.admin.deeds import BATCH_DEEDS
from bulk_orders.admin.tones import RESULT_TONES, batch_badge, batch_progress
from bulk_orders.batches import RUNNING
from bulk_orders.models import OUTCOMES, Batch, BatchStatus, Order, Result
from bulk_orders.verdicts import Outcome
from config.lib.console import marks
from config.lib.console.filters import OptionFilter
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Fact, Panel, Record, source, table
from config.lib.console.search import USER_NAME, Term

REFRESH_SECONDS = 2
BATCH_ID = r"BATCH-\d{8}-[0-9A-Z]+"


class StatusFilter(OptionFilter):
    title, parameter_name = "status", "status"
    options = tuple((value, label, models.Q(status=value)) for value, label in BatchStatus.choices)


class KindFilter(OptionFilter):
    title, parameter_name = "kind", "kind"
    options = (
        ("orders", "Makes orders", models.Q(validate_only=False)),
        ("validation", "Only validates", models.Q(validate_only=True)),
        ("stop", "Stops on error", models.Q(stop_on_error=True)),
    )


@admin.register(Batch)
class BatchAdmin(ConsoleAdmin):
    explanation = "Bulk submissions. Every row was judged when it was submitted; workers carry out the verdicts."
    empty = "No batch has been submitted yet."
    list_display = ("key", "owner", "state", "bar", "counts", "created", "finished")
    list_filter = (StatusFilter, KindFilter)
    list_select_related = ("user",)
    ordering = ("-created_at", "-pk")
    search_terms = (Term(BATCH_ID, "pk"), Term(USER_NAME, "user__username"))
    search_help_text = "Batch id, or the submitter's user name"
    moment = "created_at"
    export_fields = (
        "batch_id", "user__username", "status", "total", "processed", "succeeded", "failed", "skipped", "error", "run",
        "created_at", "completed_at",
    )  # fmt: skip

    deeds = (upload.SUBMIT, *BATCH_DEEDS)
    panels = (batch_page.failed_rows, batch_page.made_orders, batch_page.particulars)

    def record(self, request: HttpRequest, obj: Batch) -> Record:
        return batch_page.record(obj)

    def called(self, obj: Batch) -> str:
        return batch_page.called(obj)

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        return [
            path("upload/", guarded(self.upload), name="bulk_orders_batch_upload"),
            *(self._download(extension) for extension in downloads.MEDIA_TYPES),
            *super().get_urls(),
        ]

    def upload(self, request: HttpRequest) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Upload orders",
            "is_in_menu": True,
        }
        return upload.view(request, context)

    def _download(self, extension: str) -> URLPattern:
        view = self.admin_site.admin_view(self.failed_rows)
        name = f"bulk_orders_batch_failed_{extension}"
        route: URLPattern = path(
            f"<path:object_id>/change/failed.{extension}", view, {"extension": extension}, name=name
        )
        return route

    def failed_rows(self, request: HttpRequest, object_id: str, extension: str) -> HttpResponseBase:
        """The failed rows as an upload takes them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch = self.get_object(request, object_id)
        if batch is None:
            raise Http404
        return downloads.attachment(downloads.failed_rows(batch, extension), f"{batch.pk}-failed", extension)

    @admin.display(description="Batch id")
    def key(self, batch: Batch) -> SafeString:
        return marks.code(batch.pk)

    @admin.display(description="Submitted by")
    def owner(self, batch: Batch) -> SafeString:
        return marks.record_link(type(batch.user), batch.user_id, batch.user.get_username())

    @admin.display(description="Status")
    def state(self, batch: Batch) -> SafeString:
        return _live("state", batch, batch_badge(batch))

    @admin.display(description="Progress")
    def bar(self, batch: Batch) -> SafeString:
        return _live("bar", batch, batch_progress(batch))

    @admin.display(description="Rows")
    def counts(self, batch: Batch) -> SafeString:
        rows = format_html('<span class="c-number">{} of {}</span>', f"{batch.processed:,}", f"{batch.total:,}")
        return _live("rows", batch, rows)

    @admin.display(description="Submitted")
    def created(self, batch: Batch) -> SafeString:
        return marks.when(batch.created_at)

    @admin.display(description="Completed")
    def finished(self, batch: Batch) -> SafeString:
        return _live("end", batch, marks.when(batch.completed_at))


def _live(cell: str, batch: Batch, content: SafeString) -> SafeString:
    """A cell that follows the batch while it runs."""
    return marks.live(f"{cell}-{batch.pk}", content, REFRESH_SECONDS if batch.status in RUNNING else 0)


class ResultStatusFilter(OptionFilter):
    title, parameter_name, bounded = "outcome", "status", True
    options = tuple((value, label, models.Q(status=value)) for value, label in OUTCOMES)


def row_sent(request: HttpRequest, result: Result) -> Panel:
    return source("The row as sent", result.order_data, empty="The order holds it.", wide=bool(result.problems))


def row_problems(request: HttpRequest, result: Result) -> Panel:
    problems = result.problems or []
    rows = [(marks.code(one.get("path") or "/"), one.get("message"), marks.code(one.get("code"))) for one in problems]
    headers = ("Where", "What is wrong", "Code")
    return table("Problems", headers, rows, empty="None was found.", wide=bool(rows))


@admin.register(Result)
class ResultAdmin(ConsoleAdmin):
    explanation = "What became of each row of a batch. The index counts from 0, as in the file or request."
    list_display = ("row", "batch_link", "state", "order_link", "reference", "problem")
    list_filter = (ResultStatusFilter,)
    search_terms = (Term(BATCH_ID, "batch_id"), Term(r"\d{1,9}", "order_id"))
    search_help_text = "Batch id, or order number"
    moment, has_serial_time = "created_at", True
    export_fields = ("batch_id", "order_index", "status", "order_id", "model_order_id", "client_ref", "error", "run")

    panels = (row_problems, row_sent)

    def record(self, request: HttpRequest, obj: Result) -> Record:
        shown = (
            Fact("Batch", marks.record_link(Batch, obj.batch_id)),
            Fact("Order", marks.record_link(Order, obj.order_id, obj.model_order_id)),
            Fact("Client's reference", obj.client_ref or marks.NOTHING),
            Fact("Run", marks.number(obj.run)),
        )
        return Record(f"Row {obj.order_index} of {obj.batch_id}", self.state(obj), obj.error or "", shown)

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        # A batch's rows as they stood in the file; all batches' by what was carried out last.
        return ("order_index",) if "batch__pk__exact" in request.GET else ("-pk",)

    def get_queryset(self, request: object) -> models.QuerySet[Result]:
        return super().get_queryset(request).defer("order_data", "problems", "earlier")  # type: ignore[no-any-return]

    @admin.display(description="Row")
    def row(self, result: Result) -> SafeString:
        return marks.number(result.order_index)

    @admin.display(description="Batch")
    def batch_link(self, result: Result) -> SafeString:
        return marks.record_link(Batch, result.batch_id)

    @admin.display(description="Outcome")
    def state(self, result: Result) -> SafeString:
        return marks.badge(result.status, RESULT_TONES[Outcome(result.status)])

    @admin.display(description="Order")
    def order_link(self, result: Result) -> SafeString:
        return marks.record_link(Order, result.order_id, result.model_order_id)

    @admin.display(description="Client's reference")
    def reference(self, result: Result) -> SafeString:
        return marks.code(marks.clipped(result.client_ref, 100)) if result.client_ref else marks.NOTHING

    @admin.display(description="Error")
    def problem(self, result: Result) -> SafeString:
        return marks.clipped(result.error, 100)
