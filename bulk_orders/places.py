"""Places for calls that take a thread, a connection or the processor for seconds: few, for others need these, too."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Places:
    """Of one process: so many in all, and so many for one caller, who shall not have them all."""

    def __init__(self, *, per_caller: int, per_process: int) -> None:
        self.per_caller, self.per_process = per_caller, per_process
        self.taken: Counter[str] = Counter()
        self._lock = Lock()

    @contextmanager
    def place(self, caller: str) -> Iterator[bool]:
        """Whether there is one; it is the caller's until the block ends."""
        with self._lock:
            granted = self.taken[caller] < self.per_caller and self.taken.total() < self.per_process
            self.taken[caller] += granted
        try:
            yield granted
        finally:
            with self._lock:
                self.taken[caller] -= granted
                if not self.taken[caller]:
                    del self.taken[caller]
