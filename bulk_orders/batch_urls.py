"""Routes below `/api/bulk-orders`."""

from django.urls import path

from bulk_orders.views import BulkOrders

urlpatterns = [
    path("", BulkOrders.as_view({"get": "list", "post": "create"})),
    path("/<str:batch_id>", BulkOrders.as_view({"get": "retrieve"})),
]
