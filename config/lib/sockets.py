"""Live views: a WebSocket that repeats one GET of the API whenever its answer may have changed.

The view itself makes every message, so that shape, ownership and scopes cannot differ from the API's. A socket keeps
no state but the fingerprint of what it sent last: however fast things move and however slowly a client reads, what goes
out next is the state of that moment, and nothing queues up.
"""

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Any, ClassVar, NamedTuple, TypeAlias

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import connections
from django.http import HttpRequest, HttpResponse, QueryDict
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSetMixin

from config.lib.announcements import listener, next_news
from config.lib.farewell import goodbye
from config.lib.handshakes import Application, Receive, Scope, Send, request_of
from config.lib.metrics.values import Gauge
from config.lib.requests import nul_refused, slash_forgiven

Handler: TypeAlias = Callable[[HttpRequest], Any]
Gate: TypeAlias = Callable[[Handler], Handler]

PAUSE_SECONDS = 0.2  # between two messages
LOOK_SECONDS = 2.0  # while announcements may be missed
RECHECK_SECONDS = 30.0  # of credentials, at the latest; every look checks them, too
LOOK_AGAIN_SECONDS = 120.0  # whether anything was announced or not: whoever moved it may have died before saying so
REPEAT_SECONDS = 300.0  # an unchanged state is sent again: only that tells a vanished client from a silent one
SEND_SECONDS = 30.0  # for a client to make room for the next message
PER_USER = 100  # sockets in one process
# Clients have nothing to say. A few short words, such as somebody's own keep-alive, are passed over.
WORDS_A_MINUTE = 60
WORD_BYTES = 1024

GONE, FLOOD, TOO_BIG, DEFECT, TRY_LATER = 1006, 1008, 1009, 1011, 1013

# As many as the process has connections to the database: see DATABASE_POOL_SIZE of `ws` in the Procfile.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="sockets")
_open: Counter[int] = Counter()
SOCKETS = Gauge("gateway_sockets", "WebSockets that show something.", multiprocess_mode="livesum")


class Reply(NamedTuple):
    status: int
    body: bytes
    user_id: int | None


class LiveView:
    """Base of consumers. `action` of `viewset` is what is shown; `watched` names the part of the route with the id
    that announcements carry; of the query only `parameters` reach the view."""

    viewset: ClassVar[type[ViewSetMixin]]
    action: ClassVar[str]
    watched: ClassVar[str]
    parameters: ClassVar[frozenset[str]] = frozenset()
    view_options: ClassVar[dict[str, Any]] = {}
    _idle: ClassVar[type[ViewSetMixin]]  # asks the same of a caller, and then does nothing

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._idle = type(cls.viewset.__name__, (cls.viewset,), {cls.action: _nothing})

    def __init__(self, *, enter: Gate, again: Gate, scope: Scope) -> None:
        self.scope, self._shown, self._sent_at, self._looked_at = scope, b"", 0.0, time.monotonic()
        self._enter = _by_session(enter(self._view))
        self._again, self._permitted = _by_session(again(self._view)), _by_session(again(self._permit))

    @classmethod
    def as_asgi(cls, *, enter: Gate, again: Gate) -> Application:
        """`enter` judges who connects, as one call of the API; `again` judges the same credentials before every look
        that follows, without counting it as a call."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await cls(enter=enter, again=again, scope=scope)(receive, send)

        return application

    async def __call__(self, receive: Receive, send: Send) -> None:
        await receive()
        # Accepted before it is judged: browsers tell a page nothing about a handshake that was refused.
        await send({"type": "websocket.accept"})
        with goodbye() as end_of_process:
            ends = [asyncio.create_task(self._show(send)), asyncio.create_task(_hear(receive)), end_of_process]
            try:
                done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()
                await asyncio.gather(*ends, return_exceptions=True)
            await _close(send, next(end.result() for end in done))

    async def _show(self, send: Send) -> int:
        """Show the state until it may be shown no longer; return the code to close with."""
        # Whoever moves it from here on is heard: nothing is missed between the first look and the next.
        async with listener.watching(self.scope["url_route"]["kwargs"][self.watched]) as news:
            reply = await self._look(self._enter)
            if reply.status != 200 or reply.user_id is None:
                return _code(reply.status)
            with _place(reply.user_id) as granted:
                return await self._keep_showing(reply, news, send) if granted else _code(429)

    async def _keep_showing(self, reply: Reply, news: asyncio.Event, send: Send) -> int:
        # A database that does not answer for a while ends nothing: what may not be looked up is not shown.
        while reply.status in {200, 204, 503}:
            if reply.status == 200 and not await self._send(reply.body, send):
                return GONE
            await asyncio.sleep(PAUSE_SECONDS)
            reply = await self._next(news, after=reply.status)
        return _code(reply.status)

    async def _next(self, news: asyncio.Event, *, after: int) -> Reply:
        """The state, once it may have moved; or, in quiet times, whether this client might be shown it at all."""
        hears = listener.reliable and after != 503
        within = RECHECK_SECONDS if hears else min(LOOK_SECONDS, RECHECK_SECONDS)
        # Not all at the same time, though they may have come at the same time.
        moved = await next_news(news, within=within * random.uniform(0.8, 1))  # noqa: S311  # guards nothing
        if hears and not moved and time.monotonic() - self._looked_at < LOOK_AGAIN_SECONDS:
            return await self._look(self._permitted)
        self._looked_at = time.monotonic()
        return await self._look(self._again)

    async def _send(self, body: bytes, send: Send) -> bool:
        """Send what the client has not seen yet; False if it takes nothing any more."""
        fingerprint = hashlib.blake2b(body, digest_size=16).digest()
        now = time.monotonic()
        if fingerprint == self._shown and now - self._sent_at < REPEAT_SECONDS:
            return True
        self._shown, self._sent_at = fingerprint, now
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await send({"type": "websocket.send", "text": body.decode()})
        except TimeoutError:
            return False
        return True

    async def _look(self, handler: Handler) -> Reply:
        return await asyncio.get_running_loop().run_in_executor(_threads, self._reply, handler)

    def _reply(self, handler: Handler) -> Reply:
        request = request_of(self.scope)
        request.GET = self._asked(request.GET)  # type: ignore[assignment]  # nobody changes it, nobody need know it
        try:
            with closing(request), closing(handler(request)) as response:
                succeeded = response.status_code == 200
                return Reply(response.status_code, response.content, request.user.pk if succeeded else None)
        finally:
            connections.close_all()  # back to the pool, if there is one

    def _asked(self, query: QueryDict) -> QueryDict:
        asked = QueryDict(mutable=True)
        for name in self.parameters & query.keys():
            asked.setlist(name, query.getlist(name))
        return asked

    def _view(self, request: HttpRequest) -> HttpResponse:
        return self._call(self.viewset, request)

    def _permit(self, request: HttpRequest) -> HttpResponse:
        """204 in place of the view's work, after all that the view asks before it works."""
        return self._call(self._idle, request)

    def _call(self, viewset: type[ViewSetMixin], request: HttpRequest) -> HttpResponse:
        view = viewset.as_view({"get": self.action}, **self.view_options)
        response: Any = view(request, **self.scope["url_route"]["kwargs"])
        return response.render()  # type: ignore[no-any-return]


def _nothing(view: ViewSetMixin, request: Request, **route: str) -> Response:
    return Response(status=204)


def _by_session(handler: Handler) -> Handler:
    by_session: Any = SessionMiddleware(AuthenticationMiddleware(handler))
    return slash_forgiven(nul_refused(by_session))


async def _hear(receive: Receive) -> int:
    """Listen until the client leaves or makes trouble; return the code to close with."""
    words, minute = 0, time.monotonic()
    while (message := await receive())["type"] == "websocket.receive":
        if time.monotonic() - minute > 60:
            words, minute = 0, time.monotonic()
        words += 1
        if words > WORDS_A_MINUTE:
            return FLOOD
        if len(message.get("text") or message.get("bytes") or "") > WORD_BYTES:
            return TOO_BIG
    return GONE


@contextmanager
def _place(user_id: int) -> Iterator[bool]:
    granted = _open[user_id] < PER_USER
    _open[user_id] += granted
    SOCKETS.inc(granted)
    try:
        yield granted
    finally:
        SOCKETS.dec(granted)
        _open[user_id] -= granted
        if not _open[user_id]:
            del _open[user_id]


def _code(status: int) -> int:
    """4000 and the status of the GET; the codes of RFC 6455's registry for what is no fault of the client."""
    if status == 503:
        return TRY_LATER
    return 4000 + status if 400 <= status < 500 else DEFECT


async def _close(send: Send, code: int) -> None:
    if code == GONE:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "websocket.close", "code": code})


async def unknown(scope: Scope, receive: Receive, send: Send) -> None:
    """What no route knows."""
    await receive()
    await send({"type": "websocket.accept"})
    await _close(send, _code(404))
