import os
import threading
import time

import pytest

from config.lib import valkey


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_child_of_a_fork_does_not_wait_for_a_thread_that_it_has_not() -> None:
    pool = valkey.client().connection_pool
    assert valkey.answers()
    taken, over = threading.Event(), threading.Event()

    def hold() -> None:
        with pool._lock:  # as any thread does for a moment, with every command
            taken.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    child = os.fork()
    if not child:
        os._exit(0 if valkey.answers() else 1)
    over.set()
    thread.join()
    assert _end_of(child) == 0


def _end_of(child: int) -> int | None:
    """Its exit code, or None if it is stuck."""
    for _ in range(400):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None
