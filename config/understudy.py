"""Who does the work while Valkey is away.

Without it no message can start a task, and a worker of Celery waits. The rows are the work, though, and they are in
PostgreSQL: a process beside the worker looks for them itself until Valkey answers again.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from celery.signals import worker_init, worker_shutting_down
from django.db import InterfaceError, OperationalError, close_old_connections

import bulk_orders.tasks
import webhooks.tasks
from config.lib import valkey
from config.lib.environment import CHECKOUT

LOOK_SECONDS = 1.0
STAND_IN = (sys.executable, str(CHECKOUT / "manage.py"), "stand_in")


@worker_init.connect
def have_an_understudy(**_: object) -> None:
    over = watch((*STAND_IN, str(os.getpid())))
    worker_shutting_down.connect(lambda **_: over.set(), weak=False)


def watch(command: Sequence[str]) -> threading.Event:
    """Start a stand-in whenever Valkey has gone, from a thread of the worker's main process, until the event is set."""
    over = threading.Event()
    threading.Thread(target=_watch, args=(command, over), name="understudy", daemon=True).start()
    return over


def _watch(command: Sequence[str], over: threading.Event) -> None:
    stand_in: subprocess.Popen[bytes] | None = None
    while not over.wait(LOOK_SECONDS):
        if (stand_in is None or stand_in.poll() is not None) and not valkey.answers():
            stand_in = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603  # our own command
    if stand_in is not None:
        stand_in.terminate()
        stand_in.wait()


def carry_on(wanted: Callable[[], bool]) -> None:
    """Do what is to be done, again and again, while `wanted`; then finish what is in hand."""
    while wanted():
        try:
            bulk_orders.tasks.carry_on()
            webhooks.tasks.carry_on(wanted)
        except (OperationalError, InterfaceError):
            close_old_connections()  # PostgreSQL is away as well: look again
        time.sleep(LOOK_SECONDS)
