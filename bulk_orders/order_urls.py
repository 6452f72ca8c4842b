"""Routes below `/api/order-management/orders`."""

from django.urls import path

from bulk_orders.order_views import Orders

_POSTS = {
    "claim": "claim",
    "release": "release",
    "authorize": "authorize",
    "reject": "reject",
    "cancel": "cancel",
    "payments": "payment",
    "status": "report",
}

urlpatterns = [
    path("", Orders.as_view({"get": "list", "post": "create"})),
    path("/submit", Orders.as_view({"post": "create"})),
    path("/<str:order>", Orders.as_view({"get": "retrieve"})),
    path("/<str:order>/history", Orders.as_view({"get": "history"})),
    *(path(f"/<str:order>/{name}", Orders.as_view({"post": action})) for name, action in _POSTS.items()),
]
