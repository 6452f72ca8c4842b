"""Single requests for somebody who waits for the answer: tests and retries on demand, in a web process.

One daemon thread owns the process's Transport; callers hand it requests and sleep. Places are few, so that a slow
endpoint can't take all the threads that serve the API.
"""

import os
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

from django.conf import settings

from config.lib.errors import Unavailable
from webhooks.delivery import new_transport
from webhooks.transport import Reply, Request, Transport

PLACES = 16
PATIENCE_SECONDS = 3600.0  # between two looks with nothing to do: a byte on the socket ends it


class Busy(Unavailable):
    """Every place is taken."""

    def __init__(self) -> None:
        message = "Too many test and retry calls are under way; try again shortly"
        super().__init__(message, code="busy", headers={"Retry-After": "5"})


class Sender:
    def __init__(self, transport: Transport, *, places: int = PLACES) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._transport = transport
        self._inbox: deque[Request] = deque()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        transport.watch(self._reader.fileno(), self._hush)
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="webhooks-sender")
        self._thread.start()

    @contextmanager
    def place(self) -> Iterator[None]:
        """To be held around `send`, and taken before anything is claimed for it. Raises Busy."""
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            yield
        finally:
            self._places.release()

    def send(self, request: Request) -> Reply:
        """Send and wait for the end, which the Transport's deadline guarantees."""
        waiting = _Waiting()
        self._inbox.append(Request(waiting, request.url, request.headers, request.body))
        self._writer.send(b"!")
        return waiting.reply()

    def close(self) -> None:
        """For tests: a process's own lives as long as the process."""
        self._closing = True
        self._writer.send(b"!")
        self._thread.join()
        self._transport.unwatch(self._reader.fileno())
        self._reader.close()
        self._writer.close()

    def _run(self) -> None:
        while not self._closing:
            for reply in self._transport.wait(PATIENCE_SECONDS):
                reply.request.key.end(reply)
            while self._inbox:
                self._transport.send(self._inbox.popleft())

    def _hush(self, _events: int) -> None:
        with suppress(BlockingIOError):
            self._reader.recv(4096)


class _Waiting:
    def __init__(self) -> None:
        self._ended = threading.Event()
        self._reply: Reply

    def end(self, reply: Reply) -> None:
        self._reply = reply
        self._ended.set()

    def reply(self) -> Reply:
        self._ended.wait()
        return self._reply


@cache
def _made(_pid: int, _networks: tuple[str, ...], _timeout: float) -> Sender:
    return Sender(new_transport())


def sender() -> Sender:
    """This process's own, for the rules in force: threads and sockets do not survive a fork."""
    return _made(os.getpid(), tuple(settings.WEBHOOKS_ALLOWED_NETWORKS), settings.WEBHOOK_TIMEOUT_SECONDS)
