"""Every route of the API, in one list: where a request enters, and the first page of the walk through the code."""

from typing import Any

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView, SpectacularYAMLAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from config.lib.errors import NotFound
from config.lib.probes import Health, Live, Ready
from config.lib.sessions import Login, Logout, Me


class UnknownRoute(APIView):
    """The last route: what none of the others knows gets the API's own 404, never a page."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        raise NotFound(f"No such route: {request.path}", code="unknown_route")


resources: list[URLPattern | URLResolver] = [
    path("health", Health.as_view()),
    path("auth/login", Login.as_view()),
    path("auth/logout", Logout.as_view()),
    path("auth/me", Me.as_view()),
    path("webhooks", include("webhooks.urls")),
    path("bulk-orders", include("bulk_orders.batch_urls")),
    path("order-management/orders", include("bulk_orders.order_urls")),
    path("integrations", include("integrations.urls")),
]

# Beside the API, not below it: what asks for them knows of no versions.
probes = [path("livez", Live.as_view()), path("readyz", Ready.as_view())]

documented = [path("api/", include(resources)), *probes]
_open: dict[str, Any] = {"authentication_classes": (), "permission_classes": (AllowAny,)}

urlpatterns: list[URLPattern | URLResolver] = [
    path("openapi.yaml", SpectacularYAMLAPIView.as_view(patterns=documented, **_open)),
    path("openapi.json", SpectacularJSONAPIView.as_view(patterns=documented, **_open)),
    path(
        "docs",
        SpectacularSwaggerSplitView.as_view(
            url="/api/openapi.json", authentication_classes=(), permission_classes=(AllowAny,)
        ),
    ),
    *resources,
    re_path("", UnknownRoute.as_view()),
]
