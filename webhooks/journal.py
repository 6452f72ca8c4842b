"""What endpoints have answered, kept out of this process's reach until PostgreSQL has it.

Between a reply and the commit that records it lie milliseconds. A process killed within them would forget what it was
told, and all of it would be sent again. So a result goes into a file of this process first: what the kernel has
taken outlives the process, if not the machine. Whoever finds the file of a dead process records what it holds. Nothing
rests on that: a result counts under its lease only, so recording it twice changes nothing, and without the file the
delivery is sent once more, as after a loss of power.
"""

import fcntl
import json
import logging
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import md5
from pathlib import Path
from tempfile import gettempdir
from typing import BinaryIO
from uuid import uuid4

from django.conf import settings
from django.db import connection

from config.lib.exact_json import dumps
from webhooks.queue import Outcome

SUFFIX = ".results"

logger = logging.getLogger(__name__)


class Journal:
    """Of two files one takes what comes, while the other waits for the commit of what it holds.

    They are this process's for as long as it lives: a lock on each says so, which ends with it.
    """

    def __init__(self, folder: Path) -> None:
        """Raises OSError where the folder can't be made, is somebody else's or can't be written to."""
        _make(folder)
        self.folder = folder
        self._taking, self._waiting = _own_file(folder), _own_file(folder)
        self._waits = False

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Keep these; on a full disk they are not kept, and deliveries go on."""
        try:
            os.write(self._taking, b"".join(dumps(tuple(outcome)) + b"\n" for outcome in outcomes))
        except OSError as error:
            logger.warning("webhook_journal_not_written", extra={"reason": str(error)})

    def turn(self) -> None:
        """All that was written so far is about to be recorded."""
        if not self._waits:  # else that failed the last time, and is tried again together with what came since
            self._taking, self._waiting, self._waits = self._waiting, self._taking, True

    def recorded(self) -> None:
        """What was written before the last turn is in PostgreSQL."""
        os.ftruncate(self._waiting, 0)
        self._waits = False


def own_journal() -> Journal | None:
    """This process's, beside those of all others that work for the same database. None where there is no place."""
    database = connection.settings_dict
    name = md5(f"{database['HOST']}:{database['PORT']}/{database['NAME']}".encode(), usedforsecurity=False).hexdigest()
    try:
        return Journal((Path(settings.WEBHOOK_JOURNAL_DIR) if settings.WEBHOOK_JOURNAL_DIR else _own_folder()) / name)
    except OSError as error:
        logger.warning("webhook_journal_not_opened", extra={"reason": str(error)})
        return None


def orphaned(folder: Path) -> Iterator[list[Outcome]]:
    """Results in files of processes that have died; each file is deleted when the next is asked for."""
    for path in folder.glob(f"*{SUFFIX}"):
        # Its owner lives, somebody else is at it or was, or no descriptor is left: the next look will tell.
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if outcomes := list(_read(file)):
                yield outcomes
            path.unlink()


def _own_folder() -> Path:
    """Where everybody may make one, whoever made ours could read and plant what is in it."""
    folder = Path(gettempdir()) / f"partner-gateway-{os.getuid()}"
    _make(folder)
    return folder


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
        raise PermissionError(f"{folder} is not ours alone")


def _own_file(folder: Path) -> int:
    """Locked before it has the name by which others look for orphans."""
    path = folder / uuid4().hex
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    path.rename(path.with_suffix(SUFFIX))
    return descriptor


def _read(file: BinaryIO) -> Iterator[Outcome]:
    """But for lines that are torn, since the disk was full or the machine died, or that another release wrote."""
    for line in file:
        try:
            yield _parsed(line)
        except (TypeError, ValueError) as error:
            logger.warning("webhook_journal_not_read", extra={"path": file.name, "reason": str(error)})


def _parsed(line: bytes) -> Outcome:
    outcome = Outcome(*json.loads(line))
    due = outcome.next_retry_at
    return outcome._replace(
        at=datetime.fromisoformat(str(outcome.at)),
        next_retry_at=datetime.fromisoformat(str(due)) if due else None,
    )
