"""`manage.py demo` as `make run` starts it, from an empty folder: the whole system, on servers of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
import websocket

from config.demo.addresses import free_ports
from config.lib.devservices import Services
from config.lib.devservices.processes import until
from config.lib.environment import CHECKOUT
from config.lib.tests.outside import bare

COMMAND = [sys.executable, str(CHECKOUT / "manage.py"), "demo"]


class Demo:
    """It has told what it did, and runs on."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.services = folder, Services(folder)
        self.base_url, self.told = f"http://127.0.0.1:{port}", ""
        self.session = requests.Session()
        self.session.trust_env = False

    def listen(self, child: "subprocess.Popen[str]") -> None:
        assert child.stdout is not None
        for line in child.stdout:
            self.told += line
            if "Ctrl-C" in line:
                break
        assert "Ctrl-C" in self.told, self.told
        self.session.headers.update(re.findall(r"^ +(X-API-(?:Key|Secret)) +(\S+)", self.told, re.MULTILINE))

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.base_url + path, timeout=30)

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> requests.Response:
        return self.session.post(self.base_url + path, json=body, headers=headers, timeout=30)

    def delete(self, path: str) -> requests.Response:
        return self.session.delete(self.base_url + path, timeout=30)

    @property
    def sockets(self) -> str:
        (url,) = re.findall(r"ws://[^/\s]+", self.told)
        return str(url)

    @contextmanager
    def watching(self, path: str) -> Iterator[websocket.WebSocket]:
        headers = {name: self.session.headers[name] for name in ("X-API-Key", "X-API-Secret")}
        client = websocket.create_connection(self.sockets + path, header=headers, timeout=20)
        try:
            yield client
        finally:
            client.shutdown()  # type: ignore[no-untyped-call]

    def pids(self, command: str) -> list[int]:
        """Of every process with these words in its command, the oldest first."""
        return sorted(pid for pid, words in processes_of(self.folder).items() if command in words)

    def signal(self, command: str, number: signal.Signals) -> None:
        for pid in self.pids(command):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def running(*arguments: str) -> Iterator[Demo]:
    """A demo until the end of the block, when a signal ends it, and with it everything that it started."""
    folder = Path(tempfile.mkdtemp(prefix="gw-"))
    folder.chmod(0o755)
    (port, *_) = free_ports(18_000, 3)
    demo = Demo(folder, port)
    given = bare(DEVSERVICES_DIR=str(folder), PORT=str(port))
    command = [*COMMAND, *arguments]
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        try:
            demo.listen(child)
            yield demo
        finally:
            child.send_signal(signal.SIGTERM)
            rest, _ = child.communicate()
            left = until(lambda: not processes_of(folder), seconds=5) or processes_of(folder)
            servers = [state for state in demo.services.states() if state.running]
            demo.services.down()
            for place in {folder, demo.services.home.path}:
                shutil.rmtree(place, ignore_errors=True)
    assert (child.returncode, left, servers) == (0, True, []), rest


def processes_of(folder: Path) -> dict[int, str]:
    """Whatever was started with this folder in its environment and still lives: its command, by its number."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"DEVSERVICES_DIR={folder}".encode() in environment and command:
            found[int(entry.name)] = command
    return found
