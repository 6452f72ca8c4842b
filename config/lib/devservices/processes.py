"""Start a server that outlives us, find it again whoever started it, and end it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from config.lib.devservices.home import Account, DevServicesError

# Nothing of the caller's environment reaches the servers: no PG* variable, no secret.
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}
PROC = Path("/proc")

Command: TypeAlias = Sequence[str | Path]


def run(command: Command, *, account: Account, log: Path, keep_open: Sequence[int] = ()) -> None:
    """Run a program to its end as the account; its output goes to the log."""
    with log.open("ab") as output:
        subprocess.run(  # noqa: S603 - programs and arguments are ours
            [str(part) for part in command],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", env=ENVIRONMENT, pass_fds=keep_open,
            start_new_session=True, check=True, **account.as_subprocess(),
        )  # fmt: skip


def start(command: Command, *, account: Account, log: Path, find: Callable[[], list[int]]) -> None:
    """Start a server as nobody's child: it neither ends with us nor becomes our zombie. Returns when it is found."""
    run(["/bin/sh", "-c", '"$@" &', "sh", *command], account=account, log=log)
    until(lambda: bool(find()), seconds=5)


def pids(program: str, working_folder: Path) -> list[int]:
    """The live processes of a program in its working folder.

    Both servers change to their data folder, which is a better witness than a pid file: no stale, reused or
    zombie pid has it, and the children of a killed postmaster still do.
    """
    if (PROC / "self/cwd").exists():
        return [pid for pid in _all_pids() if _is(pid, program, working_folder)]
    return [int(line.split()[0]) for line in _process_table() if program in line and str(working_folder) in line]


def _all_pids() -> Iterator[int]:
    return (int(name) for name in os.listdir(PROC) if name.isdigit())  # noqa: PTH208 - a Path each would be slow


def _is(pid: int, program: str, working_folder: Path) -> bool:
    try:
        where = os.readlink(f"{PROC}/{pid}/cwd")  # noqa: PTH115 - of every process of the machine
        what = os.readlink(f"{PROC}/{pid}/exe")  # noqa: PTH115
    except OSError:
        return False
    # A reinstalled package leaves the running program's path with " (deleted)" behind it.
    return where == str(working_folder) and os.path.basename(what.removesuffix(" (deleted)")) == program  # noqa: PTH119


def _process_table() -> list[str]:
    listing = ["/bin/ps", "-axww", "-o", "pid=,command="]
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603


def stop(find: Callable[[], list[int]], signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn, with its seconds of patience, until no process is found."""
    for number, patience in signals:
        for pid in find():
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if until(lambda: not find(), seconds=patience):
            return
    raise DevServicesError(f"Processes {find()} do not end.")


def until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Whether the condition came true in that time; it is asked fifty times a second."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
