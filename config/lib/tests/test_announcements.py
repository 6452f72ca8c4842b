"""Announcements on a real Valkey: made after commit, heard by who watches, not relied upon where they may be lost."""

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, transaction

from config.lib import announcements
from config.lib.announcements import Listener, announce, next_news
from config.lib.tests.own_valkey import OwnValkey, own_valkey

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements, "_silent_until", 0.0)
    monkeypatch.setattr(announcements, "SILENCE_SECONDS", 0.1)
    monkeypatch.setattr(announcements, "RECONNECT_SECONDS", 0.1)
    monkeypatch.setattr(announcements, "PULSE_SECONDS", 0.3)


@pytest.fixture
def valkey(settings: Any) -> Iterator[OwnValkey]:
    with own_valkey(settings) as server:
        yield server


async def reliability(listener: Listener, wanted: bool) -> None:
    async with asyncio.timeout(20):
        while listener.reliable is not wanted:  # noqa: ASYNC110  # it is a question of time, not an event
            await asyncio.sleep(0.02)


async def comes(news: asyncio.Event) -> None:
    async with asyncio.timeout(20):
        await news.wait()
    news.clear()


def test_who_watches_hears_of_what_is_watched_only() -> None:
    async def story() -> None:
        listener = Listener()
        async with listener.watching("one") as one, listener.watching("two") as two:
            await reliability(listener, True)
            one.clear()
            two.clear()
            await sync_to_async(announce)("one", "three")
            await comes(one)
            assert not two.is_set()

    async_to_sync(story)()


def test_a_transaction_announces_once_and_only_when_it_is_committed() -> None:
    async def story() -> None:
        listener = Listener()
        async with listener.watching("rolled back") as never, listener.watching("kept") as kept:
            await reliability(listener, True)
            never.clear()
            kept.clear()
            await sync_to_async(one_of_each)()
            await comes(kept)
            assert not never.is_set()

    async_to_sync(story)()


def one_of_each() -> None:
    with transaction.atomic():
        announce("rolled back")
        transaction.set_rollback(True)
    with transaction.atomic():
        announce("kept")
        announce("kept", "another")


def test_a_thousand_announcements_in_a_transaction_are_one() -> None:
    with transaction.atomic():
        announce()
        for number in range(1000):
            announce(str(number % 10))
        [(_, announcement, *_)] = connection.run_on_commit
    assert isinstance(announcement, announcements._Announcement)
    assert announcement.ids == {str(number) for number in range(10)}


def test_an_announcement_without_valkey_costs_nothing_but_a_warning(
    valkey: OwnValkey, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "SILENCE_SECONDS", 60)
    valkey.stop()
    announce("one")
    announce("one")
    assert [record.msg for record in caplog.records] == ["announcement_failed"]


def test_the_loss_of_valkey_is_noticed_and_healed(valkey: OwnValkey) -> None:
    async def story() -> None:
        listener = Listener()
        async with listener.watching("one") as news:
            await reliability(listener, True)
            news.clear()
            await sync_to_async(valkey.stop)()
            await comes(news)  # whoever watches must look for themselves now
            assert not listener.reliable
            await sync_to_async(valkey.start)()
            await reliability(listener, True)
            news.clear()
            await sync_to_async(announce)("one")
            await comes(news)

    async_to_sync(story)()


def test_a_valkey_that_hangs_is_not_relied_upon(valkey: OwnValkey) -> None:
    async def story() -> None:
        listener = Listener()
        async with listener.watching("one"):
            await reliability(listener, True)
            valkey.child.send_signal(signal.SIGSTOP)
            await reliability(listener, False)
            valkey.child.send_signal(signal.SIGCONT)
            await reliability(listener, True)

    async_to_sync(story)()


def test_nobody_listens_where_nobody_watches() -> None:
    async def story() -> None:
        listener = Listener()
        async with listener.watching("one"), listener.watching("one"):
            await reliability(listener, True)
            assert "announcements" in names()
        await asyncio.sleep(0)
        assert "announcements" not in names()
        assert not listener.reliable
        async with listener.watching("one"):
            await reliability(listener, True)

    async_to_sync(story)()


def names() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks() if not task.cancelling()}


def test_waiting_for_news_ends_with_the_time_given() -> None:
    async def story() -> None:
        news = asyncio.Event()
        assert not await next_news(news, within=0.01)
        news.set()
        assert await next_news(news, within=3600)
        assert not news.is_set()

    async_to_sync(story)()
