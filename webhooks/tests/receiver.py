"""A real HTTP receiver for tests, as hostile as told: `with Receiver() as receiver: receiver.answers(Status(500))`."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    at: float = field(default_factory=time.time)
    peer: tuple[str, int] = ("", 0)


class Answer(Protocol):
    """What the receiver does to a connection after it has read a request; True keeps the connection."""

    def __call__(self, connection: socket.socket, received: Received) -> bool: ...


@dataclass(frozen=True)
class Status:
    """A well-formed reply, `delay` seconds late."""

    code: int = 200
    body: bytes = b"ok"
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0

    def __call__(self, connection: socket.socket, received: Received) -> bool:
        time.sleep(self.delay)
        fields = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        head = f"HTTP/1.1 {self.code} Status\r\nContent-Length: {len(self.body)}\r\n{fields}\r\n"
        connection.sendall(head.encode("latin-1") + self.body)
        return True


@dataclass(frozen=True)
class Raw:
    """These bytes, then the end of the connection."""

    parts: tuple[bytes, ...]
    pause: float = 0

    def __call__(self, connection: socket.socket, received: Received) -> bool:
        for part in self.parts:
            connection.sendall(part)
            time.sleep(self.pause)
        return False


@dataclass(frozen=True)
class Endless:
    """A head, then `part` for ever, or until the other side has had enough."""

    head: bytes = b"HTTP/1.1 200 OK\r\n\r\n"
    part: bytes = b"x" * 4096
    pause: float = 0

    def __call__(self, connection: socket.socket, received: Received) -> bool:
        connection.sendall(self.head)
        while True:
            connection.sendall(self.part)
            time.sleep(self.pause)


def reset(connection: socket.socket, received: Received) -> bool:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()
    return False


def hang_up(connection: socket.socket, received: Received) -> bool:
    return False


def gzip_bomb(size: int = 50_000_000) -> Status:
    return Status(200, gzip.compress(b"\0" * size, 9), (("Content-Encoding", "gzip"),))


class Receiver:
    """Serves on a free port of the loopback; every request is in `received`. Answers in turn, the last one for ever."""

    def __init__(self, *, certificate: Path | None = None) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self._answers: list[Answer] = [Status()]
        self._arrived = threading.Condition()
        self._open: set[socket.socket] = set()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._tls and certificate:
            self._tls.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}/hook"

    def answers(self, *answers: Answer) -> Self:
        self._answers = list(answers)
        return self

    def wait_for(self, count: int, seconds: float = 10) -> list[Received]:
        """The first `count` requests, as soon as they are there."""
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: len(self.received) >= count, seconds)
            assert arrived, f"{len(self.received)} of {count} requests came within {seconds} s"
            return self.received[:count]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for connection in (self._listener, *self._open.copy()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, peer = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection, peer), daemon=True).start()

    def _serve(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        self.connections += 1
        with suppress(OSError, ValueError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self._tls and _is_tls(connection):
                connection.close()
            stream = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            self._open.add(stream)
            with stream:
                for received in _requests(stream, peer):
                    if not self._record(received)(stream, received):
                        break
            self._open.discard(stream)

    def _record(self, received: Received) -> Answer:
        with self._arrived:
            self.received.append(received)
            self._arrived.notify_all()
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def _is_tls(connection: socket.socket) -> bool:
    return connection.recv(1, socket.MSG_PEEK) == b"\x16"


def _requests(connection: socket.socket, peer: tuple[str, int]) -> Iterator[Received]:
    with connection.makefile("rb") as stream:
        while line := stream.readline():
            method, path, _ = line.decode("latin-1").split()
            head = b"".join(iter(stream.readline, b"\r\n"))
            headers = {name.lower(): str(value) for name, value in BytesParser().parsebytes(head).items()}
            body = stream.read(int(headers.get("content-length", 0)))
            yield Received(method, path, headers, body, peer=peer)
