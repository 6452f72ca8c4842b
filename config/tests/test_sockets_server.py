"""A real client on a real socket of the real server process, as the Procfile starts it."""

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
import websocket
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from bulk_orders.models import Batch
from bulk_orders.tests.calls import api_of, submit, work
from bulk_orders.tests.forms import order_form
from config.demo.processes import Processes
from config.lib import farewell
from config.lib.devservices.processes import until
from config.lib.tests.own_valkey import free_port, own_valkey
from config.tests.live import cookies_of
from integrations.tests.factories import a_user, session_of

pytestmark = pytest.mark.django_db(transaction=True)

IDLE_SECONDS = 6  # longer than what Valkey's client takes for a dead connection unless told otherwise


def url_of_the_test_database() -> str:
    parts = urlsplit(settings.DATABASE_URL)
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))


class Server(NamedTuple):
    url: str
    processes: Processes


@contextmanager
def running(redis_url: str, folder: Path) -> Iterator[Server]:
    port = free_port()
    environment = {"WS_PORT": str(port), "DATABASE_URL": url_of_the_test_database(), "REDIS_URL": redis_url}
    environment |= {"GRANIAN_HOST": "127.0.0.1", "ALLOWED_HOSTS": "127.0.0.1"}
    with Processes(["ws"], environment, folder) as processes:

        def is_up() -> bool:
            processes.check()
            try:
                return requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).ok
            except requests.ConnectionError:
                return False

        assert until(is_up, seconds=60), processes.log("ws").read_text()
        yield Server(f"ws://127.0.0.1:{port}", processes)
        assert "Traceback" not in processes.log("ws").read_text()


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(settings.REDIS_URL, tmp_path_factory.mktemp("ws")) as server:
        yield server.url


@pytest.fixture
def owner() -> User:
    return a_user()


@pytest.fixture
def batch_id(owner: User) -> str:
    return submit(api_of(owner), order_form())


@contextmanager
def client_of(url: str, cookie: str, **options: Any) -> Iterator[websocket.WebSocket]:
    client = websocket.create_connection(url, cookie=cookie, timeout=20, **options)
    try:
        yield client
    finally:
        client.shutdown()  # type: ignore[no-untyped-call]


def watch(url: str, owner: User, **options: Any) -> AbstractContextManager[websocket.WebSocket]:
    return client_of(url, cookies_of(session_of(owner))["Cookie"], **options)


def message(client: websocket.WebSocket) -> Any:
    return json.loads(client.recv())


def close_code(client: websocket.WebSocket) -> int:
    """Of what comes next, which must be the end."""
    opcode, data = client.recv_data()
    assert opcode == websocket.ABNF.OPCODE_CLOSE, data
    return int.from_bytes(data[:2], "big")


def move(batch_id: str, error: str) -> None:
    """In silence: nothing is announced."""
    Batch.objects.filter(pk=batch_id).update(error=error)


def test_a_watcher_outlives_an_idle_time_and_the_loss_of_valkey_and_is_told_of_the_end(
    settings: Any, tmp_path: Path, owner: User, batch_id: str
) -> None:
    with (
        own_valkey(settings) as valkey,
        running(valkey.url, tmp_path) as server,
        watch(f"{server.url}/ws/bulk-orders/{batch_id}", owner) as client,
    ):
        assert message(client)["status"] == "pending"
        time.sleep(IDLE_SECONDS)
        work(batch_id)
        assert message(client)["status"] == "completed"
        valkey.stop()
        move(batch_id, "without Valkey")
        assert message(client)["error"] == "without Valkey"
        valkey.start()
        move(batch_id, "with Valkey again")
        assert message(client)["error"] == "with Valkey again"
        server.processes.children["ws"].terminate()
        assert close_code(client) == farewell.RESTART
        assert server.processes.children["ws"].wait(farewell.PATIENCE_SECONDS) == 0


def test_a_client_sees_why_it_is_turned_away(server: str, owner: User, batch_id: str) -> None:
    codes = {f"{server}/ws/bulk-orders/{batch_id}": 4401, f"{server}/ws/bulk-orders/unknown": 4404}
    cookies = {4401: "", 4404: cookies_of(session_of(owner))["Cookie"]}
    for url, code in codes.items():
        with client_of(url, cookies[code]) as client:
            assert close_code(client) == code


def test_a_foreign_page_does_not_get_as_far_as_a_socket(server: str, owner: User, batch_id: str) -> None:
    url = f"{server}/ws/bulk-orders/{batch_id}"
    with (
        pytest.raises(websocket.WebSocketBadStatusException) as refusal,
        watch(url, owner, origin="https://evil.example"),
    ):
        pass
    assert refusal.value.status_code == 403


def test_clients_that_vanish_or_shout_leave_the_others_alone(server: str, owner: User, batch_id: str) -> None:
    url = f"{server}/ws/bulk-orders/{batch_id}"
    with watch(url, owner) as calm, watch(url, owner) as vanishing, watch(url, owner) as shouting:
        message(calm)
        vanishing.shutdown()  # type: ignore[no-untyped-call]
        with suppress(OSError):  # who is closed while shouting may find the line dead
            for _ in range(100):
                shouting.send("shout")
            while shouting.recv_data()[0] != websocket.ABNF.OPCODE_CLOSE:
                pass
        work(batch_id)
        assert message(calm)["status"] == "completed"
