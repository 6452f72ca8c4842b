"""The kinds of metrics, from here and nowhere else: see the package on why."""

from prometheus_client import Counter, Gauge, Histogram

__all__ = ["Counter", "Gauge", "Histogram"]
