"""`/api/bulk-orders`: the door of bulk submissions, and what became of them."""

from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from bulk_orders import intake
from bulk_orders.callers import user_of
from bulk_orders.filters import with_status
from bulk_orders.idempotency import once
from bulk_orders.models import Batch, BatchQuerySet, BatchStatus
from bulk_orders.serializers import (
    BatchDetailSerializer,
    BatchSerializer,
    BulkRequestSerializer,
    SubmittedSerializer,
)
from config.lib.camel import RowTolerantJsonParser
from config.lib.errors import NotFound
from config.lib.requests import client_address


class BulkOrders(viewsets.GenericViewSet[Batch]):
    """Submit up to a hundred orders at once and follow what becomes of each."""

    required_scopes: ClassVar = {
        "create": "bulk_orders:write",
        "list": "bulk_orders:read",
        "retrieve": "bulk_orders:read",
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

    @extend_schema(request=BulkRequestSerializer, responses={202: SubmittedSerializer}, tags=["bulk orders"])
    def create(self, request: Request) -> HttpResponseBase:
        """Submit orders. Every row is judged at once; orders are made in the background."""
        return once(request, lambda: accepted(request, _submit(request)))

    @extend_schema(responses=BatchSerializer(many=True), tags=["bulk orders"])
    def list(self, request: Request) -> Response:
        """Your batches, newest first."""
        batches = with_status(self.get_queryset(), request, BatchStatus.values)
        return self.get_paginated_response(BatchSerializer(self.paginate_queryset(batches), many=True).data)

    @extend_schema(responses=BatchDetailSerializer, tags=["bulk orders"])
    def retrieve(self, request: Request, batch_id: str) -> Response:
        """One batch, its counters, and the first hundred orders and errors."""
        return Response(BatchDetailSerializer(self.get_batch()).data)


def _submit(request: Request) -> intake.Submission:
    body: Any = request.data if isinstance(request.data, dict) else {}
    rows = body.get("orders")
    return intake.submit(
        user_id=user_of(request).pk,
        rows=rows if isinstance(rows, list) else [],
        limit=settings.BULK_ORDERS_MAX,
        options=intake.Options.read(body.get("options")),
        address=client_address(request),
    )


def accepted(request: Request, submission: intake.Submission) -> Response:
    """202, with the true verdicts: they are what the workers will carry out."""
    batch, tally = submission
    validated = batch.validate_only
    reply = {
        "success": True,
        "batchId": batch.batch_id,
        "message": "Orders validated successfully" if validated else "Bulk order submitted for processing",
        "summary": {
            "total": tally.total,
            "submitted": tally.succeeded,
            "failed": tally.failed,
            "errors": tally.errors,
        },
    }
    root = request.path.partition("/bulk-orders")[0]
    return Response(reply, status=202, headers={"Location": f"{root}/bulk-orders/{batch.batch_id}"})
