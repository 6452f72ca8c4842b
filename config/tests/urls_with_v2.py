"""The routes of a gateway with a second version of the API: what docs/versions.md says, as far as it can be tried."""

from django.urls import URLPattern, URLResolver, include, path
from rest_framework.request import Request
from rest_framework.response import Response

from config import api
from config.lib.sessions import Me
from config.urls import urlpatterns as first_version


class MeInTwo(Me):
    """A reply that has changed its shape."""

    def get(self, request: Request) -> Response:
        return Response({"version": request.version, "username": request.user.get_username()})


# What is new comes first; everything else is as it was.
second: list[URLPattern | URLResolver] = [path("auth/me", MeInTwo.as_view()), *api.urlpatterns]

urlpatterns = [path("api/v2/", include((second, "api"), namespace="v2")), *first_version]
