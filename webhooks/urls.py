"""Routes below `/api/webhooks`."""

from django.urls import path

from webhooks.views import Deliveries, Webhooks

urlpatterns = [
    path("", Webhooks.as_view({"get": "list", "post": "create"})),
    path("/events", Webhooks.as_view({"get": "catalogue"})),
    path(
        "/<str:webhook_id>",
        Webhooks.as_view({"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("/<str:webhook_id>/test", Webhooks.as_view({"post": "test"})),
    path("/<str:webhook_id>/rotate-secret", Webhooks.as_view({"post": "rotate_secret"})),
    path("/<str:webhook_id>/retry-failed", Webhooks.as_view({"post": "retry_failed"})),
    path("/<str:webhook_id>/replay", Webhooks.as_view({"post": "replay"})),
    path("/<str:webhook_id>/analytics", Webhooks.as_view({"get": "analytics"})),
    path("/<str:webhook_id>/deliveries", Deliveries.as_view({"get": "list"})),
    path("/<str:webhook_id>/deliveries/<str:delivery_id>", Deliveries.as_view({"get": "retrieve"})),
    path("/<str:webhook_id>/deliveries/<str:delivery_id>/retry", Deliveries.as_view({"post": "retry"})),
]
