"""``/metrics`` as Prometheus reads it."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from config.metrics import metrics

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def thing(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(status=204)


urlpatterns = [path("metrics", metrics), path("things/<str:name>", thing)]


def figures(client: Client, **headers: str) -> dict[str, float]:
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    lines = [line for line in response.content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_tells_of_requests_queues_and_processes(client: Client) -> None:
    request = 'gateway_http_requests_total{method="GET",route="things/<str:name>",status="204"}'
    before = figures(client).get(request, 0)
    client.get("/things/one")
    client.get("/things/two")
    after = figures(client)
    assert after[request] == before + 2
    assert after['gateway_http_request_seconds_count{method="GET",route="things/<str:name>"}'] == after[request]
    assert after["gateway_database_up"] == after["gateway_valkey_up"] == 1
    assert after['gateway_webhook_queue{state="due"}'] == 0
    assert after["gateway_bulk_open_chunks"] == 0
    assert not [name for name in after if name.startswith("gateway_scrape_failed")]


def test_a_path_without_route_makes_no_label_of_its_own(client: Client) -> None:
    client.get("/nowhere/at/all")
    told = figures(client)
    assert told['gateway_http_requests_total{method="GET",route="none",status="404"}'] >= 1
    assert not [name for name in told if "nowhere" in name]


def test_wants_the_token(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "fairly-long-token"
    response = client.get("/metrics")
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    assert figures(client, Authorization="Bearer fairly-long-token")


def test_without_a_token_strangers_see_nothing(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 403


def test_a_proxy_on_this_machine_does_not_make_the_world_local(client: Client, settings: Any) -> None:
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 403
    settings.TRUSTED_PROXY_COUNT = 1
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 200
