"""The one error shape of the API: ``{"success": false, "message", "errors", "code"}``, and often ``details``."""

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from config.lib.metrics.values import Counter

logger = logging.getLogger(__name__)

# rate_limited, locked_out, not_authenticated, insufficient_scope …: who is turned away, and why.
REFUSALS = Counter("gateway_api_refusals", "Error replies by code.", ["code"])


class ApiError(Exception):
    """Base of every refusal that a client sees. Subclasses name the HTTP status; `code` is for machines."""

    status = 500
    code = "error"
    message = "Internal server error"

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        errors: Sequence[str] | None = None,
        details: Sequence[Mapping[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message or self.message
        self.code = code or self.code
        self.errors = list(errors) if errors is not None else [self.message]
        self.details = details
        self.headers = dict(headers or {})
        super().__init__(self.message)


class BadRequest(ApiError):
    status, code, message = 400, "validation_error", "Validation failed"


class Unauthorized(ApiError):
    status, code, message = 401, "not_authenticated", "Unauthorized"


class Forbidden(ApiError):
    status, code, message = 403, "permission_denied", "You do not have permission to perform this action"


class NotFound(ApiError):
    status, code, message = 404, "not_found", "Not found"


class Conflict(ApiError):
    status, code, message = 409, "conflict", "Conflict"


class TooLarge(ApiError):
    status, code, message = 413, "too_large", "Request body is too large"

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        # The rest of the body stays unread, so nothing more can come over this connection: the client is to know.
        super().__init__(message, code=code, headers={"Connection": "close"})


class UnsupportedMedia(ApiError):
    status, code, message = 415, "unsupported_media_type", "Unsupported media type"


class Unprocessable(ApiError):
    status, code, message = 422, "unprocessable", "Unprocessable"


class TooManyRequests(ApiError):
    status, code, message = 429, "rate_limited", "Too many requests"


class Unavailable(ApiError):
    status, code, message = 503, "unavailable", "Service temporarily unavailable"


def envelope(
    message: str, code: str, errors: Sequence[str], details: Sequence[Mapping[str, str]] | None = None
) -> dict[str, Any]:
    REFUSALS.labels(code).inc()
    body: dict[str, Any] = {"success": False, "message": message, "errors": list(errors), "code": code}
    return body | ({"details": list(details)} if details is not None else {})


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: a refusal in its own words, a defect of ours as a bare 500, logged and reported."""
    refusal = _as_api_error(error)
    if refusal is None:
        logger.error("unhandled_error", exc_info=error)
        got_request_exception.send(sender=None, request=context["request"])
        refusal = ApiError(code="internal_error")
    body = envelope(refusal.message, refusal.code, refusal.errors, refusal.details)
    return Response(body, refusal.status, headers=refusal.headers | _challenge(refusal))


def _challenge(error: ApiError) -> dict[str, str]:
    # RFC 9110, 11.6.1: a 401 names a scheme that would do. Not "Basic": a browser would ask with its own dialogue.
    return {"WWW-Authenticate": 'ApiKey realm="partner gateway"'} if error.status == 401 else {}


def _as_api_error(error: Exception) -> ApiError | None:
    match error:
        case ApiError():
            return error
        case exceptions.ValidationError():
            return _validation_error(error)
        case Http404() | PermissionDenied() | SuspiciousOperation():
            return _django_error(error)
        case exceptions.APIException():
            return _framework_error(error)
        case OperationalError():
            return _without_database(error)
    return None


def _without_database(error: OperationalError) -> Unavailable:
    logger.error("database_unavailable", exc_info=error)
    return Unavailable("Database is unavailable", code="database_unavailable", headers={"Retry-After": "5"})


def _django_error(error: Exception) -> ApiError:
    match error:
        case Http404():
            return NotFound()
        case PermissionDenied():
            return Forbidden()
        case RequestDataTooBig():
            return TooLarge("A field of the form is too large")
    return BadRequest("Bad request", code="bad_request")  # a form with more fields or files than it can have


def _framework_error(error: exceptions.APIException) -> ApiError:
    refusal = ApiError(str(error.detail), code=str(error.default_code))
    refusal.status = error.status_code
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return Unauthorized()
    if isinstance(error, exceptions.PermissionDenied) and str(error.detail).startswith("CSRF"):
        refusal.code = "csrf_failed"
    return refusal


def _validation_error(error: exceptions.ValidationError) -> BadRequest:
    details = list(_problems(error.detail, ""))
    messages = [_worded(problem) for problem in details]
    # A single problem reads best as the message itself; several get the general heading.
    message = messages[0] if len(messages) == 1 else BadRequest.message
    return BadRequest(message, errors=messages, details=details)


def _problems(detail: Any, path: str) -> Iterator[dict[str, str]]:
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from _problems(inner, path if key == "non_field_errors" else f"{path}/{key}")
    elif isinstance(detail, list):
        for at, inner in enumerate(detail):
            yield from _problems(inner, path if isinstance(inner, exceptions.ErrorDetail) else f"{path}/{at}")
    else:
        yield {"path": path, "code": getattr(detail, "code", "invalid"), "message": str(detail)}


def _worded(problem: Mapping[str, str]) -> str:
    """The framework's sentences end with a full stop and need the field's name; ours stand alone."""
    name, message = problem["path"].removeprefix("/").replace("/", "."), problem["message"]
    if not name or not message.endswith("."):
        return message
    return message.replace("This field", name) if message.startswith("This field") else f"{name}: {message}"


def as_json(error: ApiError) -> JsonResponse:
    """The same shape for refusals that never reach a view."""
    return JsonResponse(envelope(error.message, error.code, error.errors), status=error.status, headers=error.headers)


def _unless_console(request: HttpRequest, error: ApiError, page: HttpResponse) -> HttpResponse:
    return page if request.path.startswith("/admin/") else as_json(error)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 400: a host that is not ours, a request that it finds suspicious."""
    return _unless_console(
        request, BadRequest("Bad request", code="bad_request"), defaults.bad_request(request, exception)
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _unless_console(request, NotFound(), defaults.page_not_found(request, exception))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _unless_console(request, Forbidden(), defaults.permission_denied(request, exception))


def too_many_requests(request: HttpRequest, refusal: ApiError) -> HttpResponse:
    """Of log-ins, which are refused before there is a form that could say so."""
    page = HttpResponse(render_to_string("429.html"), status=refusal.status, headers=refusal.headers)
    return _unless_console(request, refusal, page)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's 500, which it asks for while the error is being handled; 503 if PostgreSQL is what does not answer."""
    error = sys.exception()
    if not isinstance(error, OperationalError):
        return _unless_console(request, ApiError(code="internal_error"), defaults.server_error(request))
    refusal = _without_database(error)
    # Without a request: who is logged in, and whatever else a page tells, is in the database.
    page = HttpResponse(render_to_string("503.html"), status=refusal.status, headers=refusal.headers)
    return _unless_console(request, refusal, page)
