"""The live feed of an endpoint's deliveries, through the whole application."""

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from config.tests.live import connected, cookies_of, run
from integrations.tests.factories import a_user, an_integration, session_of
from webhooks import services
from webhooks.delivery import new_transport
from webhooks.engine import Engine
from webhooks.models import Webhook
from webhooks.tests.factories import make_delivery, make_webhook, publish
from webhooks.tests.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def loopback_is_open(settings: Any) -> None:
    settings.WEBHOOKS_ALLOWED_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def owner() -> User:
    return a_user()


@pytest.fixture
def session(owner: User) -> dict[str, str]:
    return cookies_of(session_of(owner))


def feed_of(webhook: Webhook, query: str = "") -> str:
    return f"/ws/webhooks/{webhook.pk}/deliveries{query}"


def first_text(path: str, headers: dict[str, str]) -> str:
    async def story() -> str:
        async with connected(path, headers) as socket:
            return await socket.text()

    return run(story)


def close_code(path: str, headers: dict[str, str]) -> int:
    async def story() -> int:
        async with connected(path, headers) as socket:
            return await socket.close_code()

    return run(story)


def deliver() -> None:
    """What a worker does."""
    transport = new_transport()
    Engine(transport).deliver_due()
    transport.close()


@pytest.mark.parametrize("query", ["", "?limit=1", "?status=pending&event=order.created", "?status=failed"])
def test_shows_at_once_what_the_list_shows_to_the_byte(owner: User, session: dict[str, str], query: str) -> None:
    webhook = make_webhook(owner)
    make_delivery(webhook)
    make_delivery(webhook, status="failed", next_retry_at=None)
    listed = session_of(owner).get(f"/api/webhooks/{webhook.pk}/deliveries{query}")
    assert first_text(feed_of(webhook, query), session).encode() == listed.content


def test_shows_deliveries_as_they_come_and_end(owner: User, session: dict[str, str]) -> None:
    async def story() -> None:
        async with connected(feed_of(webhook), session) as socket:
            assert await socket.message() == []
            await sync_to_async(publish)(owner, "order.created")
            [waiting] = await socket.message()
            assert waiting["status"] == "pending"
            await sync_to_async(deliver)()
            [ended] = await socket.message()
            while ended["status"] == "pending":  # it was seen while it was on its way
                [ended] = await socket.message()
            assert (ended["id"], ended["status"], ended["responseCode"]) == (waiting["id"], "delivered", 200)

    with Receiver() as receiver:
        webhook = make_webhook(owner, url=receiver.url)
        run(story)


@pytest.mark.parametrize("query", ["?limit=none", "?status=unheard-of"])
def test_a_query_that_the_list_refuses_ends_with_4400(owner: User, session: dict[str, str], query: str) -> None:
    assert close_code(feed_of(make_webhook(owner), query), session) == 4400


def test_anothers_feed_ends_as_an_unknown_one(session: dict[str, str]) -> None:
    assert close_code(feed_of(make_webhook(a_user())), session) == 4404
    assert close_code("/ws/webhooks/wh_1_0000000000000000/deliveries", session) == 4404


def test_without_authentication_it_ends_with_4401(owner: User) -> None:
    assert close_code(feed_of(make_webhook(owner)), {}) == 4401


def test_ends_when_the_webhook_is_deleted(owner: User, session: dict[str, str]) -> None:
    webhook = make_webhook(owner)

    async def story() -> int:
        async with connected(feed_of(webhook), session) as socket:
            await socket.message()
            await sync_to_async(services.delete)(webhook=webhook)
            return await socket.close_code()

    assert run(story) == 4404


def test_shows_what_is_held_while_the_webhook_is_inactive(owner: User, session: dict[str, str]) -> None:
    webhook = make_webhook(owner)
    make_delivery(webhook)

    async def story() -> None:
        async with connected(feed_of(webhook), session) as socket:
            assert (await socket.message())[0]["nextRetryAt"]
            await sync_to_async(services.update)(webhook=webhook, changes={"active": False})
            assert (await socket.message())[0]["nextRetryAt"] is None

    run(story)


def key(owner: User, scope: str) -> dict[str, str]:
    integration = an_integration(owner, scopes=[scope])
    return {"X-API-Key": integration.api_key, "X-API-Secret": integration.api_secret}


@pytest.mark.parametrize("scope", ["webhooks:read", "webhooks:write"])
def test_a_key_watches_with_the_scope_of_the_list(owner: User, scope: str) -> None:
    assert json.loads(first_text(feed_of(make_webhook(owner)), key(owner, scope))) == []


def test_a_key_without_that_scope_ends_with_4403(owner: User) -> None:
    assert close_code(feed_of(make_webhook(owner)), key(owner, "orders:read")) == 4403
