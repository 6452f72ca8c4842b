"""The folder of the processes' counters."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config.lib.environment import CHECKOUT

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def path() -> Path:
    """``PROMETHEUS_MULTIPROC_DIR``, else a folder of this account and checkout below the system's temporary one."""
    digest = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:12]
    default = Path(tempfile.gettempdir()) / f"gateway-metrics-{os.geteuid()}-{digest}"
    return Path(os.environ.get(VARIABLE) or default)


def prepare() -> None:
    """Make the folder and name it to prometheus_client, here and in every child process."""
    folder = path()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"No folder for metrics: {error}. Set {VARIABLE} to one.") from error
    if not os.environ.get(VARIABLE) and folder.stat().st_uid != os.geteuid():
        raise ImproperlyConfigured(f"{folder} belongs to somebody else. Set {VARIABLE} to a folder of your own.")
    os.environ[VARIABLE] = str(folder)


@contextmanager
def locked() -> Iterator[Path]:
    """The folder, for one reader at a time. Writers don't wait: each has files of its own."""
    folder = path()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
