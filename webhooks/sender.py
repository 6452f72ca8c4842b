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

from django.conf import settings

from config.lib.errors import Unavailable
from webhooks.delivery import new_transport
from webhooks.transport import Failure, Reply, Request, Transport, unsent

PLACES = 16
PATIENCE_SECONDS = 3600.0  # between two looks with nothing to do: a byte on the socket ends it
LOOK_EVERY_SECONDS = 0.5  # whether there is still somebody to wait for
BROKEN = Failure("The gateway itself failed while it sent this")


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

    @property
    def broken(self) -> bool:
        """Its thread has died of a defect: nothing is sent any more."""
        return not self._thread.is_alive()

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
        """Send and wait for the end, which the Transport's deadline guarantees as long as the thread lives."""
        waiting = _Waiting()
        self._inbox.append(Request(waiting, request.url, request.headers, request.body))
        self._writer.send(b"!")
        while not waiting.ended.wait(LOOK_EVERY_SECONDS):
            if self.broken:
                return unsent(request, BROKEN)
        return waiting.reply

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
        self.ended = threading.Event()
        self.reply: Reply

    def end(self, reply: Reply) -> None:
        self.reply = reply
        self.ended.set()


_senders: dict[tuple[int, tuple[str, ...], float], Sender] = {}
_making = threading.Lock()


def sender() -> Sender:
    """This process's own, for the rules in force: threads and sockets do not survive a fork.

    One that a defect has broken is replaced; whoever waits for it finds out.
    """
    rules = (os.getpid(), tuple(settings.WEBHOOKS_ALLOWED_NETWORKS), settings.WEBHOOK_TIMEOUT_SECONDS)
    with _making:
        made = _senders.get(rules)
        if made is None or made.broken:
            made = _senders[rules] = Sender(new_transport())
    return made
