"""The gate: limits and their headers on every reply, and the note of every call."""

import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest
import redis
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.contextvars import get_contextvars

from config.lib import rate_limits
from integrations import usage
from integrations.credentials import request_signature
from integrations.models import Integration, UncountedCall, UsageLog
from integrations.tests.factories import an_integration, key_of, session_of
from integrations.throttles import windows_for

ME = "/api/integrations/me"
HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit")


@pytest.fixture
def integration(owner: User) -> Integration:
    return an_integration(owner, rate_per_minute=3, rate_per_hour=50)


@pytest.fixture
def valkey_gone(monkeypatch: Any) -> None:
    gone = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr("config.lib.rate_limits.Silence.until", 0.0)
    monkeypatch.setattr("config.lib.rate_limits.client", lambda: gone)
    monkeypatch.setattr("integrations.authentication.client", lambda: gone)


def test_every_reply_tells_the_limits(integration: Integration, as_owner: Client) -> None:
    replies = [
        key_of(integration).get(ME),
        key_of(integration).get("/api/integrations"),
        as_owner.get("/api/integrations"),
        as_owner.get("/api/integrations/unknown"),
        as_owner.delete("/api/integrations"),
        as_owner.post("/api/integrations", "{", content_type="application/json"),
        Client().get("/api/no/such/route"),
        Client().get("/api/v1/integrations"),
        Client().get(ME, headers={"X-API-Key": "x"}),
    ]
    assert [reply.status_code for reply in replies] == [200, 403, 200, 404, 405, 400, 404, 401, 401]
    assert all(name in reply.headers for reply in replies for name in HEADERS)


def test_the_log_names_who_calls(integration: Integration, as_owner: Client) -> None:
    key_of(integration).get(ME)
    assert get_contextvars()["integration_id"] == integration.pk
    key_of(integration, **{"X-API-Secret": "wrong"}).get(ME)
    assert get_contextvars()["integration_id"] == integration.pk
    as_owner.get("/api/integrations")
    assert get_contextvars()["user_id"] == integration.user_id
    Client().get(ME)
    assert not {"integration_id", "user_id"} & set(get_contextvars())


@pytest.mark.parametrize("path", ["/api/health", "/api/v1/health", "/api/openapi.json", "/api/docs", "/livez"])
def test_probes_and_documents_are_not_limited(db: None, path: str) -> None:
    assert "X-RateLimit-Limit" not in Client().get(path).headers


def test_the_integrations_own_limit_rules(integration: Integration) -> None:
    replies = [key_of(integration).get(ME) for _ in range(5)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429, 429]
    assert [reply.headers["X-RateLimit-Remaining"] for reply in replies] == ["2", "1", "0", "0", "0"]
    assert replies[0].headers["RateLimit-Policy"] == '"minute";q=3;w=60, "hour";q=50;w=3600'
    refusal = replies[-1]
    assert refusal.json()["code"] == "rate_limited"
    assert refusal.json()["success"] is False
    assert 0 < int(refusal.headers["Retry-After"]) <= 60


def test_a_limit_of_100_is_exact_when_all_call_at_once(owner: User, transactional_db: None) -> None:
    integration = an_integration(owner, rate_per_minute=100, rate_per_hour=1000)
    start = threading.Barrier(12)

    def caller(_: int) -> list[int]:
        start.wait()
        client = key_of(integration)
        try:
            return [client.get(ME).status_code for _ in range(10)]
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        codes = [code for part in pool.map(caller, range(12)) for code in part]
    assert (codes.count(200), codes.count(429)) == (100, 20)
    assert UncountedCall.objects.count() == 100
    assert UsageLog.objects.filter(status_code=200).count() == 100
    assert UsageLog.objects.filter(status_code=429).count() == 20


def test_a_user_has_one_limit_for_all_sessions(owner: User, outsider: User, settings: Any) -> None:
    settings.API_RATE_PER_MINUTE = 2
    rate_limits.forget(f"user:{owner.pk}", windows_for())
    codes = [session_of(owner).get("/api/integrations").status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    rate_limits.forget(f"user:{outsider.pk}", windows_for())
    assert session_of(outsider).get("/api/integrations").status_code == 200


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_strangers_are_counted_by_address(db: None, settings: Any, first: str, second: str, *, shared: bool) -> None:
    settings.API_RATE_PER_MINUTE = 1
    for network in ("192.0.2.1", "192.0.2.2", "2001:db8::/64", "2001:db8:0:1::/64"):
        rate_limits.forget(f"address:{network}", windows_for())
    assert Client().get("/api/x", REMOTE_ADDR=first).status_code == 404
    assert Client().get("/api/x", REMOTE_ADDR=second).status_code == (429 if shared else 404)


def test_without_valkey_calls_pass(integration: Integration, valkey_gone: None) -> None:
    replies = [key_of(integration).get(ME) for _ in range(5)]
    assert [reply.status_code for reply in replies] == [200] * 5
    assert all(name in reply.headers for reply in replies for name in HEADERS)
    assert Client().get(ME, headers={"X-API-Key": integration.api_key}).status_code == 401


def test_without_valkey_a_signature_passes_although_its_first_use_is_not_remembered(
    integration: Integration, valkey_gone: None
) -> None:
    timestamp = str(int(time.time()))
    signature = request_signature(integration.api_secret, timestamp=timestamp, method="GET", target=ME, body=b"")
    headers = {"X-API-Key": integration.api_key, "X-API-Timestamp": timestamp, "X-API-Signature": signature}
    assert [Client().get(ME, headers=headers).status_code for _ in range(2)] == [200, 200]


def test_a_call_is_logged_and_counted(integration: Integration) -> None:
    key_of(integration).get(f"{ME}?secret=1")
    entry = UsageLog.objects.get()
    assert (entry.integration, entry.endpoint, entry.method, entry.status_code, entry.error) == (
        integration,
        ME,
        "GET",
        200,
        None,
    )
    assert 0 <= entry.response_time < 60_000
    assert UncountedCall.objects.get().at == entry.timestamp


def test_a_reply_that_is_an_error_is_logged_with_its_message(integration: Integration) -> None:
    key_of(integration).get("/api/integrations")
    entry = UsageLog.objects.get()
    assert (entry.status_code, entry.error) == (403, "This is not open to API keys")
    assert UncountedCall.objects.count() == 1


def test_a_limited_call_is_logged_and_not_counted(integration: Integration) -> None:
    for _ in range(5):
        key_of(integration).get(ME)
    refused = UsageLog.objects.filter(status_code=429).values_list("error", flat=True)
    assert [str(error)[:19] for error in refused] == ["Rate limit exceeded"] * 2
    assert UncountedCall.objects.count() == 3


def test_calls_by_session_are_not_logged(as_owner: Client) -> None:
    as_owner.get("/api/integrations")
    assert not UsageLog.objects.exists()


def test_a_path_that_no_column_holds_is_logged_all_the_same(integration: Integration) -> None:
    key_of(integration).get("/api/%ED%A0%80/" + "x" * 3000)
    assert len(UsageLog.objects.get().endpoint) == 2048


@pytest.mark.parametrize("path", [f"{ME}?name=%00", "/api/webhooks/%00"])
def test_a_call_with_a_nul_in_its_address_is_one_like_any(integration: Integration, path: str) -> None:
    reply = key_of(integration).get(path)
    refusal = (reply.status_code, reply.json()["code"], reply.headers["X-RateLimit-Remaining"])
    assert refusal == (400, "invalid_text", "2")
    assert UsageLog.objects.get().status_code == 400


def test_a_key_call_costs_two_queries_of_its_own(integration: Integration, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[Any] = []
    execute = psycopg.Cursor.execute

    def noted(cursor: psycopg.Cursor[Any], statement: Any, *args: Any, **kwargs: Any) -> Any:
        statements.append(statement)
        return execute(cursor, statement, *args, **kwargs)

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)  # Django's own cursors end there, too
    key_of(integration).get(ME)
    assert len(statements) == 2


@pytest.fixture
def database_gone(integration: Integration, monkeypatch: Any) -> Iterator[Integration]:
    """The address of the database leads nowhere; the next use has to connect."""
    connection.close()
    with monkeypatch.context() as patched:
        patched.setitem(connection.settings_dict, "HOST", "/nonexistent")
        yield integration
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_without_a_database_a_key_is_told_to_come_again(database_gone: Integration) -> None:
    response = key_of(database_gone).get(ME)
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert response.headers["Retry-After"]
    assert "X-RateLimit-Limit" in response.headers


@pytest.mark.django_db(transaction=True)
def test_a_reply_goes_out_even_if_it_cannot_be_logged(
    integration: Integration, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(usage, "_LOG", b"SELECT 1 FROM no_such_table")
    assert key_of(integration).get(ME).status_code == 200
    assert integration.pk in next(line for line in caplog.messages if "usage_log_unwritten" in line)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("without", [[], ["integrations.middleware.calls_written"]])
def test_when_the_reply_goes_out_everybody_sees_its_line(
    integration: Integration, settings: Any, without: list[str]
) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name not in without]
    somebody = connection.copy()
    with closing(somebody), somebody.cursor() as cursor:
        for number in range(1, 4):
            assert key_of(integration).get(ME).status_code == 200
            cursor.execute("SELECT count(*) FROM integration_usage_logs")
            assert cursor.fetchone() == (number,)


def send_in_chunks(client: Client, path: str, body: bytes, **extra: Any) -> Any:
    """As `post`, with a body whose length nobody knows before its end."""
    sent: dict[str, Any] = {"CONTENT_TYPE": "application/json", "HTTP_TRANSFER_ENCODING": "chunked"}
    return client.generic("POST", path, **sent, **extra, **_stream(body))


def _stream(body: bytes) -> dict[str, Any]:
    return {"wsgi.input": io.BytesIO(body)}


NEW = b'{"url": "https://93.184.215.14/hook", "events": ["order.created"]}'


@pytest.fixture
def caller(owner: User) -> Integration:
    return an_integration(owner, scopes=["webhooks:write"])


def test_a_body_in_chunks_is_a_body(caller: Integration, as_owner: Client) -> None:
    for client in (key_of(caller), as_owner):
        assert send_in_chunks(client, "/api/webhooks", NEW).status_code == 201
        assert send_in_chunks(client, "/api/webhooks", b"").json()["code"] == "validation_error"
    bare = {"username": "nobody", "password": "x"}
    assert send_in_chunks(Client(), "/api/auth/login", json.dumps(bare).encode()).status_code == 401


def test_a_signature_covers_a_body_in_chunks(caller: Integration) -> None:
    now = str(int(time.time()))
    for body, status in ((NEW, 201), (NEW + b" ", 401)):
        signature = request_signature(caller.api_secret, timestamp=now, method="POST", target="/api/webhooks", body=NEW)
        headers = {"HTTP_X_API_KEY": caller.api_key, "HTTP_X_API_TIMESTAMP": now, "HTTP_X_API_SIGNATURE": signature}
        assert send_in_chunks(Client(), "/api/webhooks", body, **headers).status_code == status


@pytest.mark.parametrize(("size", "known", "status"), [(100, False, 400), (101, False, 413), (201, True, 413)])
def test_a_body_in_chunks_ends_at_the_limit(
    caller: Integration, settings: Any, size: int, known: bool, status: int
) -> None:
    settings.MAX_BODY_BYTES, settings.MAX_UPLOAD_BYTES = 100, 200
    client, path = (key_of(caller), "/api/webhooks") if known else (Client(), "/api/auth/login")
    assert send_in_chunks(client, path, b" " * size).status_code == status


@pytest.mark.parametrize("promised", [5 * 1024 * 1024 + 1, 100 * 1024 * 1024 + 1, 10**15])
def test_a_promise_of_too_much_is_refused_before_it_is_kept(caller: Integration, promised: int) -> None:
    client = key_of(caller)
    reply = client.generic("POST", "/api/webhooks", NEW, content_type="application/json", CONTENT_LENGTH=str(promised))
    assert (reply.status_code, reply.json()["code"]) == (413, "body_too_large")
    assert reply.headers["Connection"] == "close"


def test_a_body_that_is_packed_is_refused(caller: Integration) -> None:
    for coding, status in (("gzip", 415), ("identity", 201), ("", 201)):
        headers = {"Content-Encoding": coding}
        reply = key_of(caller).post("/api/webhooks", NEW, content_type="application/json", headers=headers)
        assert reply.status_code == status
    assert UsageLog.objects.filter(integration=caller, status_code=415).exists()


def test_the_bare_path_is_no_page_either(db: None) -> None:
    reply = Client().get("/api")
    assert (reply.status_code, reply.json()["code"]) == (404, "unknown_route")
