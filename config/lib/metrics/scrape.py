"""What Prometheus is answered: the sum over the processes of this machine, and the truths of database and Valkey."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from config.lib.metrics import folder

ENDED = "ended"  # in the name of a file, where the others have their pid


def exposition(more: Sequence[Collector] = ()) -> bytes:
    """The text format of Prometheus."""
    registry = CollectorRegistry()
    for collector in (Processes(), *more):
        registry.register(collector)
    return generate_latest(registry)


class Processes(Collector):
    """The counters and histograms of this machine's processes, dead ones included."""

    def collect(self) -> Iterable[Metric]:
        with folder.locked() as place:
            for file in _files(place):
                if _has_ended(file):
                    _fold(file)
            return list(MultiProcessCollector.merge([str(file) for file in _files(place)]))

    def describe(self) -> Iterable[Metric]:
        return ()  # else registering would collect once


def _files(place: Path) -> Iterator[Path]:
    # A file is empty for an instant, after it was made and before it was given its size.
    return (file for file in place.glob("*.db") if file.stat().st_size)


def _has_ended(file: Path) -> bool:
    pid = file.stem.rpartition("_")[2]
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # somebody else's process, hence alive
    return False


def _fold(file: Path) -> None:
    """Counters must never fall, so those of the dead are kept, in one file; a gauge of the dead says nothing."""
    kind = file.stem.partition("_")[0]
    if kind != "gauge":
        kept = MmapedDict(str(file.with_name(f"{kind}_{ENDED}.db")))
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):
            kept.write_value(key, kept.read_value(key)[0] + value, 0.0)
        kept.close()
    file.unlink()
