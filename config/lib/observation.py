"""What is noted of every request and every task: its id on each line of the log, one line at its end, its time.

The id of a request (its own ``X-Request-Id``, else a new one) goes back with the reply, and along with each message
that the request sends: the tasks that it causes bear it too.
"""

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from celery import signals
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from structlog.contextvars import bind_contextvars, clear_contextvars

from config.lib import logs
from config.lib.metrics.values import Counter, Histogram
from config.lib.requests import client_address

logger = logging.getLogger(__name__)

REQUESTS = Counter("gateway_http_requests", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "gateway_http_request_seconds",
    "Time to the reply.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
TASK_SECONDS = Histogram(
    "gateway_task_seconds",
    "Time that tasks took.",
    ["task", "state"],
    buckets=(0.005, 0.025, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 900, 3600),
)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Asked every few seconds by machines: noted at DEBUG only.
QUIET = {"livez", "readyz", "metrics", "api/health"}
HEADER = "X-Request-Id"
_WELL_FORMED = re.compile(r"[\w.:-]{1,100}", re.ASCII)

Handler = Callable[[HttpRequest], HttpResponseBase]


def request_noted(get_response: Handler) -> Handler:
    """The outermost middleware."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        clear_contextvars()
        request_id = _id_of(request)
        bind_contextvars(request_id=request_id)
        response = get_response(request)
        response.headers[HEADER] = request_id
        _note_request(request, response, time.perf_counter() - started)
        # The ids stay until the thread's next request: some work is done, and logged, after the reply.
        return response

    return middleware


def _id_of(request: HttpRequest) -> str:
    given = request.META.get("HTTP_X_REQUEST_ID", "")  # without parsing all of them, which not every view needs
    return given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex


def _note_request(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    # Routes and not paths: there are few of them, and a path holds ids.
    route = request.resolver_match.route if request.resolver_match else "none"
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(method, route, response.status_code).inc()
    REQUEST_SECONDS.labels(method, route).observe(seconds)
    if logger.isEnabledFor(level := _level(route, response.status_code)):
        user = getattr(request, "_cached_user", None)  # only if somebody has asked who it is
        told = {
            "method": method,
            "path": request.path,
            "status": response.status_code,
            "ms": round(seconds * 1000, 1),
            "user_id": user.pk if user else None,
            "address": client_address(request),
        }
        logger.log(level, "request", extra=told)


def _level(route: str, status: int) -> int:
    if status >= 500:
        return logging.ERROR
    return logging.DEBUG if route in QUIET else logging.INFO


def observe_tasks() -> None:
    """Called once by the Celery application. Its signals are the only hooks around a task that it has."""
    signals.before_task_publish.connect(_send_along)
    signals.task_prerun.connect(_task_begins)
    signals.task_postrun.connect(_task_ends)


def _send_along(headers: dict[str, Any] | None = None, **_: Any) -> None:
    if headers is not None and (request_id := logs.request_id()):
        headers["request_id"] = request_id


def _task_begins(task_id: str, task: Any, **_: Any) -> None:
    clear_contextvars()
    logs.bind(task_id=task_id, task=task.name, request_id=getattr(task.request, "request_id", None))
    task.request.started = time.perf_counter()


def _task_ends(task: Any, state: str | None, **_: Any) -> None:
    seconds = time.perf_counter() - task.request.started
    TASK_SECONDS.labels(task.name, state or "UNKNOWN").observe(seconds)
    # The clock's own tasks come every few seconds, and most find nothing to do.
    quiet = state == "SUCCESS" and not logs.request_id()
    level = logging.DEBUG if quiet else logging.INFO if state == "SUCCESS" else logging.WARNING
    logger.log(level, "task", extra={"state": state, "ms": round(seconds * 1000, 1)})
    clear_contextvars()
