"""Live views through the whole application: who may watch, what is shown, and when it ends."""

import asyncio
import base64
import json
import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from bulk_orders.models import Batch
from bulk_orders.tests.calls import BATCHES, api_of, submit, work
from bulk_orders.tests.forms import order_form
from config.lib import announcements, sockets
from config.lib.announcements import announce
from config.tests.live import Socket, connected, cookies_of, run
from integrations.credentials import request_signature
from integrations.models import Integration, IntegrationStatus, UsageLog
from integrations.tests.factories import a_user, an_integration, session_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner() -> User:
    return a_user()


@pytest.fixture
def session(owner: User) -> dict[str, str]:
    return cookies_of(session_of(owner))


@pytest.fixture
def batch_id(owner: User) -> str:
    return submit(api_of(owner), order_form())


@pytest.fixture
def integration(owner: User) -> Integration:
    return an_integration(owner, scopes=["bulk_orders:read"])


def key(integration: Integration) -> dict[str, str]:
    return {"X-API-Key": integration.api_key, "X-API-Secret": integration.api_secret}


def close_code(path: str, headers: dict[str, str]) -> int:
    async def story() -> int:
        async with connected(path, headers) as socket:
            return await socket.close_code()

    return run(story)


def first_text(path: str, headers: dict[str, str]) -> str:
    async def story() -> str:
        async with connected(path, headers) as socket:
            return await socket.text()

    return run(story)


def test_shows_at_once_what_the_get_shows_to_the_byte(owner: User, session: dict[str, str], batch_id: str) -> None:
    work(batch_id)
    shown = first_text(f"/ws/bulk-orders/{batch_id}", session)
    assert shown.encode() == api_of(owner).get(f"{BATCHES}/{batch_id}").content
    assert json.loads(shown)["status"] == "completed"


def test_shows_progress_until_the_batch_has_ended(session: dict[str, str], batch_id: str) -> None:
    async def story() -> list[str]:
        async with connected(f"/ws/bulk-orders/{batch_id}", session) as socket:
            seen = [(await socket.message())["status"]]
            await sync_to_async(work)(batch_id)
            while seen[-1] != "completed":
                seen.append((await socket.message())["status"])
            return seen

    assert run(story)[0] == "pending"


def test_an_unchanged_state_is_not_sent_again(session: dict[str, str], batch_id: str) -> None:
    async def story() -> bool:
        async with connected(f"/ws/bulk-orders/{batch_id}", session) as socket:
            await socket.message()
            return await socket.nothing()

    assert run(story)


@pytest.mark.parametrize("path", ["/ws/bulk-orders/BATCH-20260101-AAAAAAAA", "/ws/bulk-orders", "/ws/", "/elsewhere"])
def test_what_does_not_exist_ends_with_4404(session: dict[str, str], path: str) -> None:
    assert close_code(path, session) == 4404


def test_anothers_batch_ends_as_an_unknown_one(batch_id: str) -> None:
    outsider = cookies_of(session_of(a_user()))
    assert close_code(f"/ws/bulk-orders/{batch_id}", outsider) == 4404


def test_staff_watch_their_own_only(batch_id: str) -> None:
    staff = cookies_of(session_of(a_user(is_staff=True, is_superuser=True)))
    assert close_code(f"/ws/bulk-orders/{batch_id}", staff) == 4404


@pytest.mark.parametrize("headers", [{}, {"Cookie": "sessionid=unknown"}, {"X-API-Key": "ak_1", "X-API-Secret": "sk_"}])
def test_who_is_not_authenticated_ends_with_4401(batch_id: str, headers: dict[str, str]) -> None:
    assert close_code(f"/ws/bulk-orders/{batch_id}", headers) == 4401


def test_a_key_watches_with_its_scope(integration: Integration, batch_id: str) -> None:
    assert first_text(f"/ws/bulk-orders/{batch_id}", key(integration))
    assert UsageLog.objects.filter(integration=integration).values_list("endpoint", "status_code").get() == (
        f"/ws/bulk-orders/{batch_id}",
        200,
    )


def test_a_key_may_come_by_basic(integration: Integration, batch_id: str) -> None:
    pair = base64.b64encode(f"{integration.api_key}:{integration.api_secret}".encode()).decode()
    assert first_text(f"/ws/bulk-orders/{batch_id}", {"Authorization": f"Basic {pair}"})


def signed(integration: Integration, target: str) -> dict[str, str]:
    timestamp = str(int(time.time()))
    signature = request_signature(integration.api_secret, timestamp=timestamp, method="GET", target=target, body=b"")
    return {"X-API-Key": integration.api_key, "X-API-Timestamp": timestamp, "X-API-Signature": signature}


def test_a_signature_opens_one_socket_which_lives_on(
    integration: Integration, batch_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.05)
    path = f"/ws/bulk-orders/{batch_id}?a=b"
    headers = signed(integration, path)

    async def story() -> None:
        async with connected(path, headers) as socket:
            await socket.message()
            assert await socket.nothing()
            await sync_to_async(work)(batch_id)
            assert (await socket.message())["status"] == "completed"

    run(story)
    assert close_code(path, headers) == 4401


def test_a_key_without_the_scope_ends_with_4403(owner: User, batch_id: str) -> None:
    other = an_integration(owner, scopes=["webhooks:write"])
    assert close_code(f"/ws/bulk-orders/{batch_id}", key(other)) == 4403


def test_a_limit_that_is_used_up_ends_with_4429(owner: User, batch_id: str) -> None:
    limited = an_integration(owner, scopes=["bulk_orders:read"], rate_per_minute=1)
    assert first_text(f"/ws/bulk-orders/{batch_id}", key(limited))
    assert close_code(f"/ws/bulk-orders/{batch_id}", key(limited)) == 4429


def ends(path: str, headers: dict[str, str], change: Any) -> int:
    """The code with which a socket ends after `change`."""

    async def story() -> int:
        async with connected(path, headers) as socket:
            await socket.message()
            await sync_to_async(change)()
            return await socket.close_code()

    return run(story)


@pytest.fixture
def rechecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.1)


@pytest.mark.usefixtures("rechecked")
def test_a_deactivated_user_is_shown_out(owner: User, session: dict[str, str], batch_id: str) -> None:
    def deactivate() -> None:
        User.objects.filter(pk=owner.pk).update(is_active=False)

    assert ends(f"/ws/bulk-orders/{batch_id}", session, deactivate) == 4401


@pytest.mark.usefixtures("rechecked")
def test_who_logs_out_is_shown_out(owner: User, batch_id: str) -> None:
    client = session_of(owner)
    assert ends(f"/ws/bulk-orders/{batch_id}", cookies_of(client), client.logout) == 4401


@pytest.mark.usefixtures("rechecked")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": IntegrationStatus.SUSPENDED}, 4401),
        ({"api_key": "ak_1_00"}, 4401),
        ({"allowed_networks": ["10.0.0.0/8"]}, 4401),
        ({"scopes": []}, 4403),
    ],
)
def test_a_key_that_passes_no_more_is_shown_out(
    integration: Integration, batch_id: str, change: dict[str, Any], code: int
) -> None:
    def revoke() -> None:
        Integration.objects.filter(pk=integration.pk).update(**change)

    assert ends(f"/ws/bulk-orders/{batch_id}", key(integration), revoke) == code


@pytest.mark.usefixtures("rechecked")
def test_what_is_deleted_ends_with_4404(
    session: dict[str, str], batch_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "LOOK_AGAIN_SECONDS", 0.3)

    def delete() -> None:
        Batch.objects.get(pk=batch_id).chunks.all().delete()
        Batch.objects.filter(pk=batch_id).delete()

    assert ends(f"/ws/bulk-orders/{batch_id}", session, delete) == 4404


def test_sees_changes_without_any_announcement(
    session: dict[str, str], batch_id: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Valkey gone, that is: nobody listens on this port."""
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    monkeypatch.setattr(sockets, "LOOK_SECONDS", 0.1)

    async def story() -> None:
        async with connected(f"/ws/bulk-orders/{batch_id}", session) as socket:
            await socket.message()
            await sync_to_async(Batch.objects.filter(pk=batch_id).update)(error="moved in silence")
            assert (await socket.message())["error"] == "moved in silence"

    run(story)


def test_sees_what_nobody_lived_to_announce(
    session: dict[str, str], batch_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "SILENCE_SECONDS", 0)
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.1)
    monkeypatch.setattr(sockets, "LOOK_AGAIN_SECONDS", 0.3)

    async def story() -> None:
        async with connected(f"/ws/bulk-orders/{batch_id}", session) as socket:
            await socket.message()
            assert await socket.nothing()
            assert announcements.listener.reliable
            await sync_to_async(Batch.objects.filter(pk=batch_id).update)(error="moved in silence")
            assert (await socket.message())["error"] == "moved in silence"

    run(story)


def test_an_unchanged_state_is_repeated_once_in_a_while(
    session: dict[str, str], batch_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RECHECK_SECONDS", "LOOK_AGAIN_SECONDS", "REPEAT_SECONDS"):
        monkeypatch.setattr(sockets, name, 0.1)

    async def story() -> None:
        async with connected(f"/ws/bulk-orders/{batch_id}", session) as socket:
            assert await socket.text() == await socket.text()

    run(story)


def test_a_query_cannot_make_it_wait(session: dict[str, str], batch_id: str) -> None:
    assert first_text(f"/ws/bulk-orders/{batch_id}?wait=30", session)


def test_garbage_is_passed_over(session: dict[str, str], batch_id: str) -> None:
    async def story() -> None:
        async with connected(f"/ws/bulk-orders/{batch_id}", session) as socket:
            await socket.message()
            await socket.say("{]")
            await socket.communicator.send_to(bytes_data=b"\xff\x00")
            await sync_to_async(work)(batch_id)
            assert (await socket.message())["status"] == "completed"

    run(story)


@pytest.mark.parametrize(("words", "times", "code"), [("x", 100, 1008), ("x" * 2000, 1, 1009)])
def test_a_client_that_talks_too_much_is_shown_out(
    session: dict[str, str], batch_id: str, words: str, times: int, code: int
) -> None:
    async def story() -> int:
        async with connected(f"/ws/bulk-orders/{batch_id}", session) as socket:
            for _ in range(times):
                await socket.say(words)
            return await socket.close_code()

    assert run(story) == code


def test_sockets_of_one_user_are_counted(
    session: dict[str, str], batch_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "PER_USER", 1)
    path = f"/ws/bulk-orders/{batch_id}"

    async def story() -> int:
        async with connected(path, session) as first:
            await first.message()
            async with connected(path, session) as second:
                code = await second.close_code()
        async with connected(path, session) as third:
            await third.message()
        return code

    assert run(story) == 4429


def test_a_slow_client_gets_the_latest_state_and_none_between(session: dict[str, str], batch_id: str) -> None:
    """The server waits for room before it looks again: what was missed meanwhile is never sent."""
    room = asyncio.Event()
    sent: list[Any] = []

    async def story() -> None:
        socket = Socket(f"/ws/bulk-orders/{batch_id}", session)
        application = socket.communicator.application

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            async def send_when_there_is_room(message: Any) -> None:
                await send(message)
                if message["type"] == "websocket.send":
                    await room.wait()

            await application(scope, receive, send_when_there_is_room)

        socket.communicator.application = slow
        await socket.communicator.connect(timeout=20)
        await socket.message()
        for number in range(5):
            await sync_to_async(move)(batch_id, str(number))
        assert await socket.nothing()
        room.set()
        sent.append((await socket.message())["error"])
        assert await socket.nothing()
        await socket.communicator.disconnect(timeout=20)

    run(story)
    assert sent == ["4"]


def move(batch_id: str, error: str) -> None:
    Batch.objects.filter(pk=batch_id).update(error=error)
    announce(batch_id)


def origin(value: str, **more: str) -> dict[str, str]:
    return {"Origin": value, "Host": "gateway.example"} | more


def test_a_foreign_page_is_refused_before_anything_is_looked_up(
    session: dict[str, str], batch_id: str, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["gateway.example"]

    async def story(headers: dict[str, str]) -> bool:
        socket = Socket(f"/ws/bulk-orders/{batch_id}", session | headers)
        accepted, _ = await socket.communicator.connect(timeout=20)
        await socket.communicator.disconnect(timeout=20)
        return bool(accepted)

    assert not run(lambda: story(origin("https://evil.example")))
    assert run(lambda: story(origin("https://gateway.example")))
