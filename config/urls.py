"""The doors of the gateway: the API, the console of the staff, and the probes."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config import api
from config.console.passwords import own_password
from config.metrics import metrics

urlpatterns = [
    # A second version would be a second list beside `api.urlpatterns`; the bare path stays with the first.
    path("api/v1/", include((api.urlpatterns, "api"), namespace="v1")),
    path("api/", include(api.urlpatterns)),
    path("api", api.UnknownRoute.as_view()),  # else a page that leads to the same with a slash
    path("admin/password_change/", admin.site.admin_view(own_password, cacheable=True)),
    path("admin/", admin.site.urls),
    *api.probes,
    path("metrics", metrics),
    path("", RedirectView.as_view(url="/admin/")),
]

handler400 = "config.lib.errors.bad_request"
handler403 = "config.lib.errors.permission_denied"
handler404 = "config.lib.errors.not_found"
handler500 = "config.lib.errors.server_error"
