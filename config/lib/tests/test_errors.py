"""Whatever goes wrong, a client gets the envelope: JSON, a code, and never a trace."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.lib.camel import CamelSerializer
from config.lib.errors import Conflict, NotFound, TooManyRequests, Unauthorized

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


class Item(CamelSerializer):
    unit_price = serializers.IntegerField(min_value=1)
    name = serializers.CharField(error_messages={"blank": "Name is required"})


class Form(CamelSerializer):
    items = Item(many=True)


class Open(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)


class Echo(Open):
    def post(self, request: Request) -> Response:
        form = Form(data=request.data)
        form.is_valid(raise_exception=True)
        return Response({"seen": form.validated_data})


class Raising(Open):
    error: Exception = NotFound()

    def get(self, request: Request) -> Response:
        raise self.error


RAISED: dict[str, Exception] = {
    "conflict": Conflict("Order is Settled, not Pending", code="invalid_transition"),
    "limited": TooManyRequests(headers={"Retry-After": "7"}),
    "unauthorized": Unauthorized(),
    "missing": Http404("private detail"),
    "denied": PermissionDenied("private detail"),
    "fields": TooManyFieldsSent("private detail"),
    "field": RequestDataTooBig("private detail"),
    "database": OperationalError("could not connect to 10.0.0.1"),
    "defect": ZeroDivisionError("private detail"),
}
PLAIN = ("database", "defect")


def plain(request: HttpRequest, error: Exception) -> HttpResponse:
    """A view that knows nothing of the API's errors, as those of the console and everything before a view."""
    raise error


urlpatterns = [
    path("api/echo", Echo.as_view()),
    *(path(f"api/{name}", Raising.as_view(error=error)) for name, error in RAISED.items()),
    *(path(f"{door}/plain-{name}", plain, {"error": RAISED[name]}) for door in ("api", "admin") for name in PLAIN),
]

handler400 = "config.lib.errors.bad_request"
handler500 = "config.lib.errors.server_error"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert response.status_code == status
    assert (body["success"], body["code"]) == (False, code)
    assert body["errors"]
    assert "private detail" not in response.content.decode()
    return body


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("conflict", 409, "invalid_transition"),
        ("limited", 429, "rate_limited"),
        ("unauthorized", 401, "not_authenticated"),
        ("missing", 404, "not_found"),
        ("denied", 403, "permission_denied"),
        ("fields", 400, "bad_request"),
        ("field", 413, "too_large"),
        ("database", 503, "database_unavailable"),
        ("defect", 500, "internal_error"),
    ],
)
def test_every_error_has_the_envelope(client: Client, name: str, status: int, code: str) -> None:
    refused(client.get(f"/api/{name}"), status, code)


def test_what_breaks_outside_of_the_api_views_has_the_envelope_too(client: Client) -> None:
    refused(client.get("/api/plain-defect"), 500, "internal_error")
    response = client.get("/api/plain-database")
    refused(response, 503, "database_unavailable")
    assert response.headers["Retry-After"] == "5"


def test_staff_see_a_page_that_comes_back_by_itself_while_the_database_is_away(client: Client) -> None:
    response = client.get("/admin/plain-database")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert '<meta http-equiv="refresh"' in response.content.decode()
    assert client.get("/admin/plain-defect").status_code == 500


def test_a_refusal_carries_its_headers(client: Client) -> None:
    assert client.get("/api/limited").headers["Retry-After"] == "7"
    assert client.get("/api/unauthorized").headers["WWW-Authenticate"].startswith("ApiKey")


def test_a_wrong_method_names_the_right_ones(client: Client) -> None:
    response = client.delete("/api/echo")
    refused(response, 405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]


def test_validation_points_at_the_place_in_the_document(client: Client) -> None:
    body = refused(
        client.post("/api/echo", {"items": [{"unitPrice": 1, "name": "a"}, {"unitPrice": 0}]}, "application/json"),
        400,
        "validation_error",
    )
    assert body["message"] == "Validation failed"
    assert [(problem["path"], problem["code"]) for problem in body["details"]] == [
        ("/items/1/unitPrice", "min_value"),
        ("/items/1/name", "required"),
    ]
    assert body["errors"][1] == "items.1.name is required."


def test_a_single_problem_is_the_message_itself(client: Client) -> None:
    body = refused(
        client.post("/api/echo", {"items": [{"unitPrice": 1, "name": ""}]}, "application/json"), 400, "validation_error"
    )
    assert (body["message"], body["errors"]) == ("Name is required", ["Name is required"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "malformed_json"),
        ("", "validation_error"),
        ('{"items": NaN}', "malformed_json"),
        ("[" * 100_000, "too_deep"),
        ('{"items": "\\u0000"}', "invalid_text"),
        ('{"items": "\\ud800"}', "invalid_text"),
        ("[]", "validation_error"),
        ('"text"', "validation_error"),
        ("null", "validation_error"),
        ('{"items": {}}', "validation_error"),
        ('{"items": [null, 1, "a"]}', "validation_error"),
    ],
)
def test_hostile_bodies_are_refused(client: Client, body: str, code: str) -> None:
    refused(client.post("/api/echo", body, "application/json"), 400, code)


def test_a_body_beyond_the_limit_is_too_large(client: Client, settings: Any) -> None:
    settings.MAX_BODY_BYTES = 1_000
    refused(client.post("/api/echo", '{"items": "' + "x" * 1_000 + '"}', "application/json"), 413, "body_too_large")


def test_another_media_type_is_unsupported(client: Client) -> None:
    refused(client.post("/api/echo", "<items/>", "text/xml"), 415, "unsupported_media_type")


def test_a_foreign_host_gets_no_page(client: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["gateway.example"]
    refused(client.get("/api/missing", headers={"Host": "evil.example"}), 400, "bad_request")


def test_a_nul_in_the_address_is_refused(client: Client) -> None:
    refused(client.get("/api/missing%00"), 400, "invalid_text")
    refused(client.get("/api/missing?status=%00"), 400, "invalid_text")


def test_a_browser_that_asks_for_html_gets_the_json(client: Client) -> None:
    response = client.get("/api/missing", headers={"Accept": "text/html"})
    assert response.headers["Content-Type"] == "application/json"
    refused(response, 404, "not_found")


def test_a_trailing_slash_is_forgiven(client: Client) -> None:
    good = {"items": [{"unitPrice": 1, "name": "a"}]}
    assert client.post("/api/echo/", good, "application/json").json() == {
        "seen": {"items": [{"unit_price": 1, "name": "a"}]}
    }
