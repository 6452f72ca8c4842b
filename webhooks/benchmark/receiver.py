"""A receiver that costs as little as Python allows: one epoll loop that answers 200 and remembers when what came.

`python -m webhooks.benchmark.receiver` prints its port. GET /count tells how many requests have come, GET /log lists
`webhook-id` and Unix time of each since the last look at it, and GET /unheard those whose sender died without having
read the answer. `--delay` answers later, as a real partner does.
"""

import argparse
import heapq
import select
import socket
import sys
import time
from contextlib import suppress

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Connection:
    def __init__(self, its: socket.socket) -> None:
        self.socket, self.buffer = its, bytearray()
        self.last = ""  # the webhook-id that was answered last, if nothing came after it


class Receiver:
    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._connections: dict[int, Connection] = {}
        self._log: list[tuple[str, float]] = []
        self._later: list[tuple[float, int, Connection, str]] = []
        self._unheard: list[str] = []
        self._count = 0
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        while True:
            for descriptor, _ in self._epoll.poll(self._patience()):
                if descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._read(descriptor)
            while self._later and self._later[0][0] <= time.time():
                self._reply(*heapq.heappop(self._later)[2:])

    def _patience(self) -> float:
        return max(0.0, self._later[0][0] - time.time()) if self._later else -1

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[connection.fileno()] = Connection(connection)
        self._epoll.register(connection.fileno(), select.EPOLLIN)

    def _read(self, descriptor: int) -> None:
        connection = self._connections[descriptor]
        try:
            received = connection.socket.recv(65536)
        except OSError:  # it was closed by somebody who had not read everything
            received = b""
            self._unheard += [connection.last] if connection.last else []
        if not received:
            self._epoll.unregister(descriptor)
            self._connections.pop(descriptor).socket.close()
            return
        connection.last, buffer = "", connection.buffer
        buffer += received
        head_end = buffer.find(b"\r\n\r\n")
        if head_end > 0 and len(buffer) >= head_end + 4 + _field(buffer, b"content-length:", head_end, 0):
            self._answer(descriptor, buffer, head_end)
            buffer.clear()

    def _answer(self, descriptor: int, request: bytearray, head_end: int) -> None:
        if request.startswith(b"GET "):
            self._send(self._connections[descriptor], self._report(bytes(request[4:8])))
            return
        now = time.time()
        at = request.find(b"webhook-id: ", 0, head_end) + 12
        self._count += 1
        webhook_id = request[at : request.find(b"\r", at)].decode()
        self._log.append((webhook_id, now))
        if self._delay:
            heapq.heappush(self._later, (now + self._delay, self._count, self._connections[descriptor], webhook_id))
        else:
            self._reply(self._connections[descriptor], webhook_id)

    def _reply(self, connection: Connection, webhook_id: str) -> None:
        if connection.socket.fileno() < 0:
            self._unheard.append(webhook_id)
        else:
            connection.last = webhook_id
            self._send(connection, REPLY)

    def _report(self, path: bytes) -> bytes:
        text = str(self._count)
        if path == b"/log":
            text, self._log = "\n".join(f"{key} {at:.6f}" for key, at in self._log), []
        elif path == b"/unh":
            text, self._unheard = "\n".join(self._unheard), []
        return f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()

    def _send(self, connection: Connection, data: bytes) -> None:
        connection.socket.setblocking(len(data) > len(REPLY))
        with suppress(OSError):  # gone; reading from it says so, too
            connection.socket.sendall(data)
        connection.socket.setblocking(False)


def _field(buffer: bytearray, name: bytes, end: int, default: int) -> int:
    at = buffer.lower().find(name, 0, end)
    return int(buffer[at + len(name) : buffer.find(b"\r", at)]) if at > 0 else default


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0)
    receiver = Receiver(parser.parse_args().delay)
    sys.stdout.write(f"{receiver.port}\n")
    sys.stdout.flush()
    receiver.run()


if __name__ == "__main__":
    main()
