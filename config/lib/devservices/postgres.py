"""The embedded PostgreSQL: on a socket in a private folder, never on a port."""

import hashlib
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from config.lib.devservices import processes
from config.lib.devservices.home import DevServicesError, Home

DATABASE = "gateway"
# sockaddr_un holds 108 bytes with the closing NUL; PostgreSQL adds ".s.PGSQL.5432" to the folder.
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432")
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Tests throw their data away, so nothing has to survive a power cut; and what they tell the planner of a table's size
# is not to be corrected meanwhile.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


@dataclass(frozen=True, slots=True)
class Postgres:
    home: Home
    bin: Path
    durable: bool

    name = "postgres"
    variable = "DATABASE_URL"

    @property
    def data(self) -> Path:
        return self.home.path / "postgres"

    @property
    def log(self) -> Path:
        return self.home.path / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        folder = self.home.path / "run"
        if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
            return folder
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"gateway-{self.home.account.uid}-{digest}"

    def url(self, database: str = DATABASE) -> str:
        return f"postgres://postgres@/{database}?host={quote(str(self.socket_folder))}"

    def address(self) -> str:
        return self.url()

    def pids(self) -> list[int]:
        return processes.pids("postgres", self.data)

    def pid(self) -> int | None:
        """The postmaster's. Its children are the same program, some of them under lower numbers."""
        with suppress(FileNotFoundError):
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            return pid if pid in self.pids() else None
        return None

    def answers(self, database: str = DATABASE) -> bool:
        try:
            psycopg.connect(self.url(database), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self, *, lock: int) -> None:
        """Bring the server to the point where it answers; the caller holds the lock whose descriptor this is."""
        if not self.answers():
            self._make_cluster(lock)
            self._launch()
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def stop(self) -> None:
        # SIGINT is PostgreSQL's fast shutdown (to the postmaster; to a backend it cancels a query), SIGQUIT the
        # immediate one, which recovers from the log at the next start.
        patience = [(signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)]
        processes.stop(self.pids, patience)

    def _make_cluster(self, lock: int) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        draft = self.home.path / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        self.home.account.make_folder(draft)
        command: processes.Command = [
            self.bin / "initdb", "-D", draft, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
            *([] if self.durable else ["--no-sync"]),
        ]  # fmt: skip
        # initdb inherits the lock: should we be killed now, nobody else begins before it has ended.
        processes.run(command, account=self.home.account, log=self.log, keep_open=[lock])
        draft.rename(self.data)

    def _launch(self) -> None:
        if not self.pids():
            self._forget_the_dead()
            self._spawn()
        processes.until(lambda: self.answers("postgres") or not self.pids(), seconds=60)
        if not self.pids():
            # The children of a killed postmaster may hold its memory for a moment longer: once more, alone.
            self._forget_the_dead()
            self._spawn()
        if not processes.until(lambda: self.answers("postgres"), seconds=30):
            raise DevServicesError(f"PostgreSQL does not start, see {self.log}:\n{processes.tail(self.log)}")

    def _spawn(self) -> None:
        settings = SETTINGS | ({} if self.durable else NOT_DURABLE)
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        command: processes.Command = [self.bin / "postgres", "-D", self.data, "-k", self.socket_folder, *flags]
        self.home.account.make_folder(self.socket_folder)
        processes.start(command, account=self.home.account, log=self.log, find=self.pids)

    def _forget_the_dead(self) -> None:
        """Nobody answers and no process works in the folder, so these speak of a pid that is gone or reused."""
        leftovers = [self.data / "postmaster.pid", *self.socket_folder.glob(".s.PGSQL.5432*")]
        for path in leftovers:
            with suppress(FileNotFoundError):
                path.unlink()
