"""The processes of the Procfile as children of one run, and nothing left of them after it."""

import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from honcho.environ import parse_procfile

from config.lib.environment import CHECKOUT

PROCFILE = CHECKOUT / "Procfile"


class ProcessEnded(Exception):
    """A process that should have gone on has ended."""


class Processes:
    """Starts the named processes on entering and ends them on leaving; their output goes to one file each."""

    def __init__(
        self, names: Sequence[str], environment: dict[str, str], log_folder: Path, procfile: Path = PROCFILE
    ) -> None:
        lines: dict[str, str] = parse_procfile(procfile.read_text()).processes
        self.commands = {name: lines[name] for name in names}
        # The tools that the Procfile names are beside the Python that runs this.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        self.environment = os.environ | environment | {"PATH": path, "PYTHONUNBUFFERED": "1"}
        self.log_folder = log_folder
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.log_folder.mkdir(parents=True, exist_ok=True)
        self.guard = self._start_guard()
        for name, command in self.commands.items():
            self._start(name, command)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def log(self, name: str) -> Path:
        return self.log_folder / f"{name}.log"

    def check(self) -> None:
        """Raise if any process has ended: the system is whole, or it is stopped."""
        for name, child in {**self.children, "guard": self.guard}.items():
            if child is not None and child.poll() is not None:
                raise ProcessEnded(f"{name} has ended with code {child.returncode}; see {self.log(name)}")

    def stop(self) -> None:
        """The guard does the work, as after a kill -9 of this process. Should it be killed itself, another goes on."""
        guard = self.guard or self._start_guard()
        while not self._ended_well(guard):
            guard = self._start_guard()
            self._tell(guard, [child.pid for child in self.children.values()])

    def _ended_well(self, guard: "subprocess.Popen[bytes]") -> bool:
        if guard.stdin is not None:
            guard.stdin.close()
        while guard.poll() is None:
            for child in self.children.values():
                child.poll()  # reaps it, so that its group is seen to be empty
            time.sleep(0.05)
        return guard.returncode == 0

    def _start(self, name: str, command: str) -> None:
        with self.log(name).open("wb") as output:
            self.children[name] = subprocess.Popen(  # noqa: S602 - the Procfile's own lines
                command,
                shell=True, cwd=CHECKOUT, env=self.environment, start_new_session=True,  # nosec B602
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        if self.guard is not None:
            self._tell(self.guard, [self.children[name].pid])

    def _start_guard(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "config.demo.guard"]
        with self.log("guard").open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own module
                command,
                cwd=CHECKOUT, env=self.environment, start_new_session=True,
                stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    @staticmethod
    def _tell(guard: "subprocess.Popen[bytes]", pids: list[int]) -> None:
        if guard.stdin is not None:
            guard.stdin.write("".join(f"{pid}\n" for pid in pids).encode())
            guard.stdin.flush()


def follow(logs: dict[str, Path]) -> Generator[str, None, None]:
    """What the processes write from now on, each line under its process's name; empty when there is nothing new."""
    with ExitStack() as stack:
        files = {name: stack.enter_context(path.open(errors="replace")) for name, path in logs.items()}
        for file in files.values():
            file.seek(0, os.SEEK_END)
        while True:
            yield "\n".join(f"{name:<7}| {line.rstrip()}" for name, file in files.items() for line in file)
