"""The end of a process of sockets: every client is told that the server goes and another one comes, and then it goes.

A server that is told to end cuts its sockets off at once. So the signal comes here first: it is passed on, as the one
of the keyboard, once everybody has heard.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from config.lib.handshakes import Receive, Scope, Send

RESTART = 1012  # "Service Restart", in the registry of RFC 6455
PATIENCE_SECONDS = 3.0  # below the time after which the server kills its process: see `ws` in the Procfile

# Of each socket: the word that it shall end, and the one that it has ended.
_open: dict[asyncio.Future[int], asyncio.Future[None]] = {}
_leaving: set[asyncio.Task[None]] = set()  # a task that nobody holds may vanish


@contextmanager
def goodbye() -> Iterator[asyncio.Future[int]]:
    """For the life of one socket: has the code to close with as soon as this process is to end."""
    loop = asyncio.get_running_loop()
    word, ended = loop.create_future(), loop.create_future()
    if _leaving:
        word.set_result(RESTART)
    _open[word] = ended
    try:
        yield word
    finally:
        del _open[word]
        ended.set_result(None)


async def leave() -> None:
    """Have every socket closed; a client that takes nothing any more is not waited for."""
    for word in _open:
        if not word.done():
            word.set_result(RESTART)
    if _open:
        await asyncio.wait(_open.values(), timeout=PATIENCE_SECONDS)


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI protocol of that name. The server has set its own handlers of signals before it says that it starts."""
    await receive()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _begin_to_leave)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _begin_to_leave() -> None:
    task = asyncio.get_running_loop().create_task(_leave_and_end())
    _leaving.add(task)


async def _leave_and_end() -> None:
    await leave()
    os.kill(os.getpid(), signal.SIGINT)
