"""The product's routes and one more, whose view does nothing: the floor that calls are measured against."""

from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Nothing(APIView):
    authentication_classes = ()
    permission_classes = ()

    def get(self, _request: Request) -> Response:
        return Response({"ok": True})


urlpatterns = [path("nothing", Nothing.as_view()), path("", include("config.urls"))]
