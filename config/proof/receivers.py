"""Endpoints in processes of their own, that remember every `webhook-id` they were ever sent, and how often."""

import subprocess
import sys
from collections import Counter
from types import TracebackType
from typing import NamedTuple, Self
from urllib.request import ProxyHandler, build_opener

from config.lib.environment import CHECKOUT

# Loopback: a proxy that the environment names is not asked.
_open = build_opener(ProxyHandler({})).open


class Log(NamedTuple):
    """How often each `webhook-id` came, and how often its sender died without having read the answer."""

    requests: Counter[str]
    unheard: Counter[str]

    def since(self, before: "Log") -> "Log":
        return Log(self.requests - before.requests, self.unheard - before.unheard)


class Endpoint:
    """One receiver that answers 200 after `delay` seconds."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self._log = Log(Counter(), Counter())
        self.webhook_id = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "webhooks.benchmark.receiver", "--delay", str(self.delay)]
        self.process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
        assert self.process.stdout is not None
        self.base_url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def url(self) -> str:
        return f"{self.base_url}/hook"

    def look(self) -> Log:
        """What has come so far, all of it; the receiver itself remembers only what nobody has asked for yet."""
        self._log.requests.update(line.split()[0] for line in self._fetch("/log"))
        self._log.unheard.update(self._fetch("/unheard"))
        return Log(self._log.requests.copy(), self._log.unheard.copy())

    def _fetch(self, path: str) -> list[str]:
        with _open(f"{self.base_url}{path}", timeout=10) as reply:
            lines: list[str] = reply.read().decode().splitlines()
            return lines
