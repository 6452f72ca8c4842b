"""Routes below `/api/bulk-orders`."""

from functools import partial

from django.urls import path

from bulk_orders.downloads import AnyAccept
from bulk_orders.pages import ByIndex
from bulk_orders.uploads import UploadParser
from bulk_orders.views import BulkOrders

sheet = partial(BulkOrders.as_view, content_negotiation_class=AnyAccept)

urlpatterns = [
    path("", BulkOrders.as_view({"get": "list", "post": "create"})),
    path("/upload", BulkOrders.as_view({"post": "upload"}, parser_classes=[UploadParser])),
    path("/template.csv", sheet({"get": "template"}), {"extension": "csv"}),
    path("/template.xlsx", sheet({"get": "template"}), {"extension": "xlsx"}),
    path("/<str:batch_id>", BulkOrders.as_view({"get": "retrieve"})),
    path("/<str:batch_id>/results", BulkOrders.as_view({"get": "results"}, pagination_class=ByIndex)),
    path("/<str:batch_id>/results.csv", sheet({"get": "failed_rows"})),
    path("/<str:batch_id>/cancel", BulkOrders.as_view({"post": "cancel"})),
    path("/<str:batch_id>/retry", BulkOrders.as_view({"post": "retry"})),
]
