"""The processes of the Procfile as victims: several workers, each of which can be killed, frozen and started again."""

import os
import signal
import subprocess
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from config.demo.processes import Processes
from config.lib.devservices.processes import until
from config.lib.valkey import client


class Crew(Processes):
    """`worker` is the Procfile's; `spare` is a second one of the same kind, started when a scenario wants it."""

    def __init__(self, environment: dict[str, str], log_folder: Path) -> None:
        super().__init__(["web", "worker", "beat"], environment, log_folder)

    def start(self, name: str) -> None:
        """A worker, ready to take messages; its log is kept from life to life."""
        with suppress(FileNotFoundError):
            self.log(name).rename(self.log(f"{name}-{len(list(self.log_folder.glob(f'{name}-*')))}"))
        self._start(name, self.commands["worker"])

    def pid(self, name: str) -> int:
        return self.children[name].pid

    def pool(self, name: str) -> list[int]:
        """The worker's own children, which run the tasks."""
        pid = self.pid(name)
        with suppress(FileNotFoundError):
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    def signal_all(self, name: str, number: signal.Signals) -> None:
        """To every process of the group at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid(name), number)

    def kill(self, name: str) -> None:
        """Without warning, the whole group: as a machine that loses its power."""
        self.signal_all(name, signal.SIGKILL)
        self.children[name].wait()

    def terminate(self, name: str, *, patience: float) -> bool:
        """As a deployment does. Whether it ended in time."""
        self.children[name].send_signal(signal.SIGTERM)
        try:
            self.children[name].wait(patience)
        except subprocess.TimeoutExpired:
            self.kill(name)
            return False
        return True

    def alive(self) -> list[str]:
        return [name for name, child in self.children.items() if child.poll() is None]


def connections_of(pid: int, ports: Collection[int]) -> int:
    """How many connections of a process lead to these ports of 127.0.0.1."""
    held = set(_links(Path(f"/proc/{pid}/fd")))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[2].partition(":")[2], 16) in ports and f"socket:[{row[9]}]" in held for row in rows)


def _links(folder: Path) -> Iterator[str]:
    for link in folder.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            yield str(link.readlink())


def wait_for_workers(count: int) -> bool:
    """Until so many of them wait for messages."""
    return until(lambda: sum(each["cmd"] == "brpop" for each in client().client_list()) >= count, seconds=60)
