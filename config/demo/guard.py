"""Ends the processes of a run, however the run itself ends.

Started beside them with a pipe from the runner, which writes one process id a line: each is the leader of a process
group of its own. When the pipe closes, because the runner is done or because it was killed, everything is stopped:
leaders are asked to finish (SIGTERM) and have 30 seconds for what is in flight; what is left then is killed. A group
without its leader has nobody to finish it and is killed at once. The embedded servers go last, if nobody uses them.
"""

import os
import signal
import sys
import time
from contextlib import suppress

from config.lib import devservices

PATIENCE_SECONDS = 30
# Once is not always enough: beat's handler raises into whatever runs just then, and a query's error handling eats it.
ASK_AGAIN_SECONDS = 3


def main() -> None:
    # The terminal's Ctrl-C is for the runner, and so is a second one from somebody impatient.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    stop([int(line) for line in sys.stdin])
    if services := devservices.in_use():
        services.stop_unused()


def stop(groups: list[int]) -> None:
    ask_at = time.monotonic()
    deadline = ask_at + PATIENCE_SECONDS
    while (left := [group for group in groups if exists(-group)]) and time.monotonic() < deadline:
        if time.monotonic() >= ask_at:
            ask(left)
            ask_at += ASK_AGAIN_SECONDS
        kill([group for group in left if not exists(group)])
        time.sleep(0.05)
    kill(left)


def ask(groups: list[int]) -> None:
    for group in groups:
        with suppress(ProcessLookupError):
            os.kill(group, signal.SIGTERM)


def exists(pid: int) -> bool:
    """Of a process, or (negative) of any process in a group."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill(groups: list[int]) -> None:
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
