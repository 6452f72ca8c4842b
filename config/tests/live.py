"""Watching through the whole application, from a test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from config.asgi import application

PATIENCE = 20  # seconds for something that must come
T = TypeVar("T")


def cookies_of(client: Client) -> dict[str, str]:
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}


class Socket:
    """One client of one socket."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self.communicator = WebsocketCommunicator(application, path, headers=named)

    async def message(self) -> Any:
        return await self.communicator.receive_json_from(timeout=PATIENCE)

    async def text(self) -> str:
        text: str = await self.communicator.receive_from(timeout=PATIENCE)
        return text

    async def close_code(self) -> int:
        """The code it ends with; messages before that are passed over."""
        while True:
            output = await self.communicator.receive_output(timeout=PATIENCE)
            if output["type"] == "websocket.close":
                return int(output["code"])

    async def nothing(self) -> bool:
        return bool(await self.communicator.receive_nothing(timeout=0.5))

    async def say(self, words: str) -> None:
        await self.communicator.send_to(text_data=words)


@asynccontextmanager
async def connected(path: str, headers: dict[str, str]) -> AsyncIterator[Socket]:
    """A socket that was accepted."""
    socket = Socket(path, headers)
    accepted, _ = await socket.communicator.connect(timeout=PATIENCE)
    assert accepted
    try:
        yield socket
    finally:
        await socket.communicator.disconnect(timeout=PATIENCE)


def run(story: Callable[[], Awaitable[T]]) -> T:
    """Play a story. What it does by ``sync_to_async`` uses the test's own thread, hence its connection."""

    async def playing() -> T:
        return await story()

    return async_to_sync(playing)()
