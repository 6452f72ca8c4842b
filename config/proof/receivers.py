"""Endpoints in processes of their own, that remember every `webhook-id` they were ever sent, and how often."""

import subprocess
import sys
from collections import Counter
from types import TracebackType
from typing import Self
from urllib.request import ProxyHandler, build_opener

from config.lib.environment import CHECKOUT

# Loopback: a proxy that the environment names is not asked.
_open = build_opener(ProxyHandler({})).open


class Endpoint:
    """One receiver that answers 200 after `delay` seconds."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.seen: Counter[str] = Counter()
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

    def look(self) -> Counter[str]:
        """What has come so far, all of it; the receiver itself remembers only what nobody has asked for yet."""
        with _open(f"{self.base_url}/log", timeout=10) as reply:
            self.seen.update(line.split()[0] for line in reply.read().decode().splitlines())
        return self.seen
