"""Start, stop and describe the pair of servers in one folder; any number of callers at once."""

import fcntl
import os
import subprocess
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from config.lib.devservices.home import DevServicesError, Home, Programs
from config.lib.devservices.postgres import Postgres
from config.lib.devservices.valkey import Valkey


class State(NamedTuple):
    name: str
    running: bool
    pid: int | None
    address: str


class Services:
    """The servers whose data is in a folder, running or not."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.home = Home.find(folder)
        programs = Programs.find(self.home.account)
        self.postgres = Postgres(self.home, programs.postgres, durable)
        self.valkey = Valkey(self.home, programs.valkey, durable)

    def _chosen(self, variables: Collection[str] | None) -> list[Postgres | Valkey]:
        return [server for server in (self.postgres, self.valkey) if variables is None or server.variable in variables]

    def up(self, variables: Collection[str] | None = None) -> dict[str, str]:
        """Start what does not answer (of the servers behind these variables, or both) and return their URLs."""
        servers = self._chosen(variables)
        if not all(server.answers() for server in servers):
            self._start(servers)
        return {server.variable: server.url() for server in servers}

    def _start(self, servers: list[Postgres | Valkey]) -> None:
        self.home.create()
        with self._lock() as descriptor:
            for server in servers:
                try:
                    server.start(lock=descriptor)
                except subprocess.CalledProcessError as error:
                    raise DevServicesError(f"{error}; see {server.log}") from error

    def down(self) -> None:
        """Stop both in order, keeping their data. Stopping what is not running is no error."""
        if not self.home.path.exists():
            return
        with self._lock():
            self._stop()

    def _stop(self) -> None:
        self.postgres.stop()
        self.valkey.stop()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have the servers (once they are up) to oneself and others for a block; the last user to leave stops them."""
        self.home.create()
        try:
            with _flock(self._users(), fcntl.LOCK_SH):
                yield
        finally:
            self.stop_unused()

    def stop_unused(self) -> None:
        with self._lock(), suppress(BlockingIOError), _flock(self._users(), fcntl.LOCK_EX | fcntl.LOCK_NB):
            self._stop()

    def _users(self) -> Path:
        return self.home.account.make_folder(self.home.path / "users")

    def env(self) -> dict[str, str]:
        return {server.variable: server.url() for server in self._chosen(None)}

    def states(self) -> list[State]:
        return [State(server.name, server.answers(), server.pid(), server.address()) for server in self._chosen(None)]

    def _lock(self) -> AbstractContextManager[int]:
        """One supervisor at a time."""
        return _flock(self.home.path, fcntl.LOCK_EX)


@contextmanager
def _flock(folder: Path, kind: int) -> Iterator[int]:
    """The kernel drops the lock with the last holder of its descriptor, so a kill -9 leaves nothing stale."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)
