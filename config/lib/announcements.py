"""Word that something has moved: from whoever moved it, through Valkey, to whoever watches it live.

What is announced is the id of a batch or webhook and nothing of its state: watchers look that up in the database. So an
announcement may be lost, doubled or late without anybody being shown anything wrong.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import redis
from django.conf import settings
from django.db import connection, transaction
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from config.lib.valkey import client

CHANNEL = "announcements"
# After Valkey has failed, those who announce leave it alone for this long: they have work to do.
SILENCE_SECONDS = 2.0
RECONNECT_SECONDS = 1.0
# The subscription is asked for a sign of life this often, for a server that vanished does not hang up.
PULSE_SECONDS = 2.0

logger = logging.getLogger(__name__)
_silent_until = 0.0


class _Announcement:
    """What a transaction has to announce, all at once, when it is committed."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def __call__(self) -> None:
        global _silent_until  # noqa: PLW0603  # one process, one opinion on whether Valkey answers
        if time.monotonic() < _silent_until:
            return
        try:
            client().publish(CHANNEL, " ".join(self.ids))
        except (redis.ConnectionError, redis.TimeoutError) as error:
            _silent_until = time.monotonic() + SILENCE_SECONDS
            logger.warning("announcement_failed", extra={"reason": str(error)})


def announce(*ids: str) -> None:
    """Say that these have moved, once the transaction is committed (at once outside of one). Never fails."""
    if not ids:
        return
    waiting = (function for _, function, *_ in connection.run_on_commit if isinstance(function, _Announcement))
    announcement = next(waiting, None)
    if announcement:
        announcement.ids.update(ids)
        return
    announcement = _Announcement()
    announcement.ids.update(ids)
    transaction.on_commit(announcement, robust=True)


class Listener:
    """One subscription for all watchers of a process, there for as long as anybody watches.

    `reliable` is False while announcements may be missed: watchers look for themselves then. It stays so for a while
    after Valkey is back, until those who announce have noticed, too.
    """

    def __init__(self) -> None:
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._reliable_from = float("inf")

    @property
    def reliable(self) -> bool:
        return time.monotonic() >= self._reliable_from

    @asynccontextmanager
    async def watching(self, id_: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever `id_` may have moved: at any number of announcements it is just set."""
        news = asyncio.Event()
        self._watchers[id_].add(news)
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name="announcements")
        try:
            yield news
        finally:
            self._leave(id_, news)

    def _leave(self, id_: str, news: asyncio.Event) -> None:
        self._watchers[id_].discard(news)
        if not self._watchers[id_]:
            del self._watchers[id_]
        if not self._watchers and self._task is not None:
            self._task.cancel()
            self._task, self._reliable_from = None, float("inf")

    def _is_wanted(self) -> bool:
        """Asked in every round: a cancellation that comes while a client library ends a wait may be lost in it."""
        return self._task is asyncio.current_task()

    async def _listen(self) -> None:
        while self._is_wanted():
            try:
                await self._subscription()
            except (redis.ConnectionError, redis.TimeoutError) as error:
                logger.warning("announcements_unheard", extra={"reason": str(error)})
            if not self._is_wanted():
                return
            self._reliable_from = float("inf")
            self._wake_all()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _subscription(self) -> None:
        # No retries: a reconnection that nobody notices would hide that announcements were missed.
        valkey = Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=5, retry=Retry(NoBackoff(), 0)
        )
        async with valkey, valkey.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            answered = True
            while self._is_wanted():
                # The time to wait is given, so that the client's own idea of a timeout does not end an idle night.
                message = await subscription.get_message(timeout=PULSE_SECONDS)
                if message is None and not answered:
                    raise redis.TimeoutError("Valkey has gone silent")
                answered = message is not None
                if message is None:
                    await subscription.ping()
                elif message["type"] == "subscribe":
                    self._reliable_from = time.monotonic() + 2 * SILENCE_SECONDS
                    self._wake_all()
                elif message["type"] == "message":
                    self._wake(message["data"].decode(errors="replace").split())

    def _wake(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            for news in self._watchers.get(id_, ()):
                news.set()

    def _wake_all(self) -> None:
        self._wake(list(self._watchers))


listener = Listener()


async def next_news(news: asyncio.Event, *, within: float) -> bool:
    """Wait until `news` is set, or for `within` seconds, and return whether it was. It is not set afterwards."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await news.wait()
    was_set = news.is_set()
    news.clear()
    return was_set
