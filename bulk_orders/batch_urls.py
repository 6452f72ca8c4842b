"""Routes below `/api/bulk-orders`."""

from django.urls import path

from bulk_orders.downloads import MEDIA_TYPES, TABLES
from bulk_orders.pages import ByIndex
from bulk_orders.uploads import UploadParser
from bulk_orders.views import BulkOrders

urlpatterns = [
    path("", BulkOrders.as_view({"get": "list", "post": "create"})),
    path("/upload", BulkOrders.as_view({"post": "upload"}, parser_classes=[UploadParser])),
    *(path(f"/template.{name}", BulkOrders.as_view({"get": "template"}), {"extension": name}) for name in TABLES),
    path("/<str:batch_id>", BulkOrders.as_view({"get": "retrieve"})),
    path("/<str:batch_id>/results", BulkOrders.as_view({"get": "results"}, pagination_class=ByIndex)),
    *(
        path(f"/<str:batch_id>/results.{name}", BulkOrders.as_view({"get": "failed_rows"}), {"extension": name})
        for name in MEDIA_TYPES
    ),
    path("/<str:batch_id>/cancel", BulkOrders.as_view({"post": "cancel"})),
    path("/<str:batch_id>/retry", BulkOrders.as_view({"post": "retry"})),
]
