"""Waking the engine when deliveries have become due. Only ever a nudge: a lost one costs seconds, never a delivery.

An engine at work listens on a Valkey channel and starts within milliseconds, without a Celery message in between. Where
nobody listens, `ring` starts an engine by message. Where Valkey is down, the sweep finds the rows.
"""

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import redis
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

from config.lib.valkey import client

CHANNEL = "webhooks:due"
TASK = "webhooks.tasks.deliver_due"
MESSAGE_WAITING = "webhooks:message-waiting"
MESSAGE_LIFE_SECONDS = 10
OWN_QUEUE = "webhooks"
_OTHER_QUEUES = sorted({route["queue"] for route in settings.CELERY_TASK_ROUTES.values()} - {OWN_QUEUE})
LINGERING = "webhooks:lingering"
LINGERING_SECONDS = 3
SILENCE_SECONDS = 2.0  # after Valkey has failed; the sweep's period
PULSE_SECONDS = 0.2

logger = logging.getLogger(__name__)
_silent_until = 0.0


def ring() -> None:
    """Say that something is due. Never fails and, with Valkey down, soon costs nothing: callers have committed."""
    global _silent_until  # noqa: PLW0603  # one process, one opinion on whether Valkey answers
    if time.monotonic() < _silent_until:
        return
    try:
        if not client().publish(CHANNEL, b""):
            _send_message()
    except (redis.ConnectionError, redis.TimeoutError, OperationalError) as error:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        logger.warning("webhook_nudge_failed", extra={"reason": str(error)})


def start_engine() -> None:
    """Have one engine more, if a process is free for it."""
    with suppress(redis.ConnectionError, redis.TimeoutError, OperationalError):
        _send_message()


def _send_message() -> None:
    if client().set(MESSAGE_WAITING, b"1", nx=True, px=1000):
        current_app.send_task(TASK, expires=MESSAGE_LIFE_SECONDS)


def message_taken() -> None:
    """A started engine says so: from now on, a ring that finds nobody may send the next message."""
    with suppress(redis.ConnectionError, redis.TimeoutError):
        client().delete(MESSAGE_WAITING)


def may_leave(idle: bool, until: float) -> bool:
    """Whether an engine may end its shift: others have use for the process, or it is idle and one too many.

    Where there is much to do, one engine goes on all the same, until its time is up and anything at all waits for a
    process. With Valkey down all stay, for no message could start another.
    """
    try:
        others_wait, is_over = _wait(*_OTHER_QUEUES), time.monotonic() >= until
        if idle:
            return others_wait or is_over or not _lingers()
        return (is_over and _wait(OWN_QUEUE)) or (others_wait and (is_over or not _lingers()))
    except (redis.ConnectionError, redis.TimeoutError):
        return False


def _wait(*queues: str) -> bool:
    """Whether tasks of these queues wait for a process."""
    pipeline = client().pipeline(transaction=False)
    for name in queues:
        pipeline.llen(name)
    return any(pipeline.execute())


def _lingers() -> bool:
    """Whether this process is the one idle engine that stays; it renews its claim every time it is asked."""
    own = f"{socket.gethostname()}:{os.getpid()}".encode()
    if client().set(LINGERING, own, nx=True, ex=LINGERING_SECONDS):
        return True
    return client().get(LINGERING) == own and bool(client().expire(LINGERING, LINGERING_SECONDS))


class Doorbell:
    """Turns rings into a readable descriptor: ``with Doorbell() as bell: select([bell.fileno()], …); bell.hush()``.

    On leaving, it first stops being counted as a listener; what was rung for before that is for the caller to take.
    With Valkey down it is silent, and `broken`.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._leaving = threading.Event()
        self._listening = threading.Event()
        self.broken = False

    def fileno(self) -> int:
        return self._reader.fileno()

    def hush(self) -> None:
        with suppress(BlockingIOError):
            self._reader.recv(4096)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._listen, daemon=True, name="webhooks-doorbell")
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._leaving.set()
        self._thread.join()
        self._reader.close()
        self._writer.close()

    def _listen(self) -> None:
        try:
            with client().pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
                pubsub.subscribe(CHANNEL)
                pubsub.get_message(timeout=1)  # the server's word that we are subscribed
                self._listening.set()
                while not self._leaving.is_set():
                    if pubsub.get_message(timeout=PULSE_SECONDS):
                        self._announce()
        except (redis.ConnectionError, redis.TimeoutError) as error:
            logger.warning("webhook_doorbell_broken", extra={"reason": str(error)})
            self.broken = True
        finally:
            self._listening.set()

    def _announce(self) -> None:
        with suppress(BlockingIOError):  # the buffer is full of rings that nobody has heard yet: one more says nothing
            self._writer.send(b"!")
