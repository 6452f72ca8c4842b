"""The id of a request, from its header to the reply, the log and the tasks that it causes."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery, shared_task
from celery.app import app_or_default
from celery.contrib.testing.worker import start_worker
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from structlog.contextvars import clear_contextvars, get_contextvars

from config.lib import logs, observation
from config.lib.metrics.scrape import exposition

pytestmark = pytest.mark.urls(__name__)

seen: list[str | None] = []


@pytest.fixture(autouse=True)
def nothing_bound() -> Iterator[None]:
    clear_contextvars()
    yield
    clear_contextvars()


@shared_task(name="observation.note")
def note() -> None:
    seen.append(logs.request_id())


@shared_task(name="observation.fail")
def fail() -> None:
    raise ValueError("on purpose")


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(logs.request_id())


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError("on purpose")


urlpatterns = [path("view", view), path("livez", view), path("broken", broken)]


def lines_of(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.getMessage() == event]


@pytest.fixture
def caplog_of_all(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, observation.logger.name)
    return caplog


def test_the_callers_id_is_kept_and_sent_back(client: Client) -> None:
    response = client.get("/view", headers={"X-Request-Id": "partner-7.a:b_c"})
    assert response.headers["X-Request-Id"] == response.content.decode() == "partner-7.a:b_c"


@pytest.mark.parametrize("given", ["", "a b", "x" * 101, "line\\nbreak", "<script>", "\u00e9"])
def test_an_id_that_is_none_is_replaced(client: Client, given: str) -> None:
    response = client.get("/view", headers={"X-Request-Id": given})
    assert response.headers["X-Request-Id"] == response.content.decode() != given
    assert len(response.content) == 32


def test_nothing_of_a_request_is_left_for_the_next(client: Client) -> None:
    logs.bind(batch_id="BATCH-1")
    client.get("/view", headers={"X-Request-Id": "one"})
    assert get_contextvars() == {"request_id": "one"}


def test_a_request_is_one_line(client: Client, caplog_of_all: pytest.LogCaptureFixture) -> None:
    client.get("/view?secret=1", REMOTE_ADDR="203.0.113.9")
    (line,) = lines_of(caplog_of_all, "request")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/view", 200)
    assert (line["address"], line["user_id"], line["levelname"]) == ("203.0.113.9", None, "INFO")
    assert line["ms"] >= 0


def test_probes_are_quiet_and_defects_are_loud(client: Client, caplog_of_all: pytest.LogCaptureFixture) -> None:
    client.raise_request_exception = False
    client.get("/livez")
    client.get("/broken")
    assert [line["levelname"] for line in lines_of(caplog_of_all, "request")] == ["DEBUG", "ERROR"]


@pytest.fixture(scope="module")
def app() -> Any:
    """An application of its own, whose messages pass through memory, and its worker, which takes seconds to end."""
    app = Celery("observed", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update(task_always_eager=False, worker_hijack_root_logger=False, worker_redirect_stdouts=False)
    app.conf.broker_transport_options = {"polling_interval": 0.02}  # else a second
    app.task(name="observation.note")(note.run)
    app.task(name="observation.fail")(fail.run)
    app.finalize()
    ours = app_or_default()
    with start_worker(app, perform_ping_check=False, pool="solo", loglevel="WARNING"):
        yield app
    ours.set_default()  # the worker has made its own the application of this thread and of all
    ours.set_current()


def task_lines(caplog: pytest.LogCaptureFixture, count: int) -> list[dict[str, Any]]:
    """The result of a task is known a moment before its line is written."""
    until = time.monotonic() + 10
    while len(lines := lines_of(caplog, "task")) < count and time.monotonic() < until:
        time.sleep(0.01)
    return lines


def counted(name: str) -> float:
    lines = exposition().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_a_task_bears_the_id_of_the_request_that_caused_it(app: Any, caplog_of_all: pytest.LogCaptureFixture) -> None:
    name = 'gateway_task_seconds_count{state="SUCCESS",task="observation.note"}'
    before = counted(name)
    seen.clear()
    logs.bind(request_id="r-17")
    app.tasks["observation.note"].delay().get(timeout=20)
    clear_contextvars()
    app.tasks["observation.note"].delay().get(timeout=20)
    assert seen == ["r-17", None]
    assert [line["levelname"] for line in task_lines(caplog_of_all, 2)] == ["INFO", "DEBUG"]
    assert counted(name) == before + 2


def test_a_task_that_failed_is_told_at_a_higher_level(app: Any, caplog_of_all: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="on purpose"):
        app.tasks["observation.fail"].delay().get(timeout=20)
    (line,) = task_lines(caplog_of_all, 1)
    assert (line["levelname"], line["state"]) == ("WARNING", "FAILURE")


def test_the_traceback_of_a_task_that_failed_is_told_once(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="on purpose"):
        app.tasks["observation.fail"].delay().get(timeout=20)
    task_lines(caplog, 1)
    (record,) = [record for record in caplog.records if record.exc_info]
    line = logs.Line(as_json=True).format(record)
    assert line.count("Traceback (most recent call last)") == 1
    assert "observation.fail" in line
