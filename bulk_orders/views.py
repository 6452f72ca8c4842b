"""`/api/bulk-orders`: the door of bulk submissions, and what became of them."""

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponseBase
from django.utils.http import parse_etags
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from bulk_orders import batches, documentation, downloads, intake, uploads, waiting
from bulk_orders.callers import identity_of, user_of
from bulk_orders.filters import with_status
from bulk_orders.idempotency import once
from bulk_orders.models import Batch, BatchQuerySet, BatchStatus
from bulk_orders.serializers import BatchDetailSerializer, BatchSerializer, ResultSerializer
from bulk_orders.verdicts import Outcome
from config.lib.camel import RowTolerantJsonParser
from config.lib.errors import NotFound
from config.lib.requests import client_address


class BulkOrders(viewsets.GenericViewSet[Batch]):
    """Submit up to a hundred orders at once and follow what becomes of each."""

    required_scopes: ClassVar = {
        "create": "bulk_orders:write",
        "list": "bulk_orders:read",
        "retrieve": "bulk_orders:read",
        "results": "bulk_orders:read",
        "failed_rows": "bulk_orders:read",
        "template": "bulk_orders:read",
        "upload": "bulk_orders:write",
        "cancel": "bulk_orders:write",
        "retry": "bulk_orders:write",
    }
    parser_classes = (RowTolerantJsonParser,)
    serializer_class = BatchSerializer
    lookup_field = "batch_id"

    def get_queryset(self) -> BatchQuerySet:
        return Batch.objects.for_user(user_of(self.request).pk)

    def get_batch(self) -> Batch:
        batch = self.get_queryset().filter(pk=self.kwargs["batch_id"]).first()
        if batch is None:
            raise NotFound("Bulk order batch not found")
        return batch

    @extend_schema(**documentation.SUBMIT_BATCH)
    def create(self, request: Request) -> HttpResponseBase:
        """Submit orders. Every row is judged at once; orders are made in the background."""
        body: Any = request.data if isinstance(request.data, dict) else {}
        rows = body["orders"] if isinstance(body.get("orders"), list) else []
        return once(request, partial(_take_in, request, rows, body.get("options"), settings.BULK_ORDERS_MAX))

    @extend_schema(**documentation.LIST_BATCHES)
    def list(self, request: Request) -> Response:
        """Your batches, newest first."""
        rows = with_status(self.get_queryset(), request, BatchStatus.values)
        return self.get_paginated_response(BatchSerializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(**documentation.GET_BATCH)
    def retrieve(self, request: Request, batch_id: str) -> Response:
        """One batch, its counters, and the first hundred orders and errors; `?wait=` seconds for it to move."""
        batch, seconds = self.get_batch(), waiting.seconds_of(request.query_params.get("wait"))
        known = [tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))]
        if not known or batch.etag() in known:
            waiting.wait_for_change(batch, seconds=seconds, caller=identity_of(request))
        headers = {"ETag": batch.etag()}
        if batch.etag() in known:
            return Response(status=304, headers=headers)
        return Response(BatchDetailSerializer(batch).data, headers=headers)

    @extend_schema(**documentation.RESULTS)
    def results(self, request: Request, batch_id: str) -> Response:
        """What became of every row, in the rows' order."""
        rows: Any = with_status(self.get_batch().results.all(), request, [*Outcome])
        return self.get_paginated_response(ResultSerializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(**documentation.FAILED_ROWS)
    def failed_rows(self, request: Request, batch_id: str, extension: str) -> HttpResponseBase:
        """The failed rows as a file that can be corrected and uploaded, each with its error."""
        rows = downloads.failed_rows(self.get_batch(), extension)
        return downloads.attachment(rows, f"{batch_id}-failed", extension)

    @extend_schema(**documentation.TEMPLATE)
    def template(self, request: Request, extension: str) -> HttpResponseBase:
        """An empty sheet with all columns."""
        return downloads.attachment(downloads.template(extension), "template", extension)

    @extend_schema(**documentation.UPLOAD)
    def upload(self, request: Request) -> HttpResponseBase:
        """Submit a file of orders: CSV, JSONL or XLSX."""
        file, options = uploads.file_of(request.data), uploads.options_of(request.data)
        with uploads.place(file, identity_of(request)):
            body, rows = [uploads.digest(file), options], uploads.rows_of(file)
            work = partial(_take_in, request, rows, options, settings.BULK_UPLOAD_MAX_ORDERS)
            return once(request, work, body=body)

    @extend_schema(**documentation.CANCEL_BATCH)
    def cancel(self, request: Request, batch_id: str) -> Response:
        """Skip what has not been processed yet."""
        return Response(BatchDetailSerializer(batches.cancel(batch_id=self.get_batch().pk)).data)

    @extend_schema(**documentation.RETRY_BATCH)
    def retry(self, request: Request, batch_id: str) -> Response:
        """Run the failed rows again."""
        return Response(BatchDetailSerializer(batches.retry(batch_id=self.get_batch().pk)).data, status=202)


def _take_in(request: Request, rows: Iterable[Any], options: Any, limit: int) -> Response:
    """202, with the true verdicts: they are what the workers will carry out."""
    batch, tally = intake.submit(
        user_id=user_of(request).pk,
        rows=rows,
        limit=limit,
        options=intake.Options.read(options),
        address=client_address(request),
    )
    reply = {
        "success": True,
        "batchId": batch.batch_id,
        "message": "Orders validated successfully" if batch.validate_only else "Bulk order submitted for processing",
        "summary": {"total": tally.total, "submitted": tally.succeeded, "failed": tally.failed, "errors": tally.errors},
    }
    root = request.path.partition("/bulk-orders")[0]
    return Response(reply, status=202, headers={"Location": f"{root}/bulk-orders/{batch.batch_id}"})
