"""The embedded Valkey: on a loopback port that stays the same, behind a random password."""

import re
import secrets
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from config.lib.devservices import processes
from config.lib.devservices.home import DevServicesError, Home

CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {data}
appendonly yes
appendfsync {fsync}
save ""
maxmemory-policy noeviction
daemonize no
logfile ""
"""


@dataclass(frozen=True, slots=True)
class Valkey:
    home: Home
    program: Path
    durable: bool

    name = "valkey"
    variable = "REDIS_URL"

    @property
    def data(self) -> Path:
        return self.home.path / "valkey"

    @property
    def configuration(self) -> Path:
        return self.home.path / "valkey.conf"

    @property
    def log(self) -> Path:
        return self.home.path / "valkey.log"

    def _setting(self, name: str) -> str:
        """A value of the written configuration, which is where port and password survive a restart."""
        text = self.configuration.read_text() if self.configuration.exists() else ""
        found = re.search(rf"^{name} (.+)$", text, re.MULTILINE)
        return found[1] if found else ""

    def url(self) -> str:
        return f"redis://:{self._setting('requirepass')}@127.0.0.1:{self._setting('port')}/0"

    def address(self) -> str:
        return f"redis://127.0.0.1:{self._setting('port')}/0"

    def pids(self) -> list[int]:
        return processes.pids("valkey-server", self.data)

    def pid(self) -> int | None:
        return next(iter(self.pids()), None)

    def answers(self) -> bool:
        """Whether our server, not another one on the port, takes the password and has its data loaded."""
        port, password = self._setting("port"), self._setting("requirepass")
        if not port:
            return False
        try:
            with socket.create_connection(("127.0.0.1", int(port)), timeout=1) as connection:
                connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
                reply = connection.makefile("rb").read(200)
        except OSError:
            return False
        return reply.startswith(b"+OK\r\n+PONG")

    def start(self, *, lock: int) -> None:  # the same call for both servers
        if not self.pids():
            self.home.account.make_folder(self.data)
            self._launch(_port(self._setting("port")))
        if not processes.until(self.answers, seconds=60):
            raise DevServicesError(f"Valkey does not start, see {self.log}:\n{processes.tail(self.log)}")

    def stop(self) -> None:
        processes.stop(self.pids, [(signal.SIGTERM, 30), (signal.SIGKILL, 5)])

    def _launch(self, port: int) -> None:
        self._spawn(port)
        processes.until(lambda: self.answers() or not self.pids(), seconds=2)
        if not self.pids():
            # Somebody else took the port between our look and the server's: take another one.
            self._spawn(_free(0))

    def _spawn(self, port: int) -> None:
        self._configure(port)
        command = [self.program, self.configuration]
        processes.start(command, account=self.home.account, log=self.log, find=self.pids)

    def _configure(self, port: int) -> None:
        text = CONFIGURATION.format(
            port=port,
            password=self._setting("requirepass") or secrets.token_urlsafe(32),
            data=_quoted(self.data),
            fsync="everysec" if self.durable else "no",
        )
        self.home.account.write_private(self.configuration, text)


def _quoted(path: Path) -> str:
    """A path in the configuration's own quoting, so that blanks and quotes may be in it."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _port(last: str) -> int:
    """The port of last time, else one that the kernel gives. A killed server's socket may live on for a moment."""
    if last and processes.until(lambda: _free(int(last)) != 0, seconds=2):
        return int(last)
    return _free(0)


def _free(port: int) -> int:
    """The port (0: any) as it could be bound, or 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])
