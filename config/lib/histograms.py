"""Durations counted below bounds: small to keep, they add up, and their quantiles are exact to the width of a step.

A histogram is a list of numbers, one a bound; an ``integer[]`` in the database. A quantile lies in the step of the true
one, so it is at most as far off as that step is wide: 1, 2, 3, 5, 7, 10, 15, 20, 30 …
"""

from collections.abc import Iterable, Sequence

# Upper bounds of durations, in milliseconds; what took longer than the last is counted below it.
BOUNDS_MS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 7000, 10_000, 15_000, 30_000)  # fmt: skip  # noqa: E501
_STEPS = range(1, len(BOUNDS_MS) + 1)
_BOUNDS = f"ARRAY[{','.join(map(str, BOUNDS_MS))}]"


def step_of(column: str) -> str:
    """SQL for the number of the step, from 1, that a duration in milliseconds is counted in."""
    return f"least(width_bucket({column} - 1, {_BOUNDS}) + 1, {len(BOUNDS_MS)})"


def bound_of(column: str) -> str:
    """SQL for the bound that a duration in milliseconds is counted below, as text."""
    return f"({_BOUNDS})[{step_of(column)}]::text"


def collected(number: str, step: str) -> str:
    """SQL, an aggregate: the histogram of rows that say how often a step occurred."""
    return f"ARRAY[{','.join(f'coalesce(sum({number}) FILTER (WHERE {step} = {at}), 0)::int' for at in _STEPS)}]"


def summed(column: str) -> str:
    """SQL, an aggregate: the sum of histograms."""
    return f"ARRAY[{','.join(f'sum({column}[{at}])' for at in _STEPS)}]::bigint[]"


def both(one: str, other: str) -> str:
    """SQL: the sum of two histograms."""
    return f"ARRAY[{','.join(f'{one}[{at}] + {other}[{at}]' for at in _STEPS)}]"


def total(histograms: Iterable[Sequence[int]]) -> list[int]:
    return [sum(numbers) for numbers in zip([0] * len(BOUNDS_MS), *histograms, strict=True)]


def quantile(histogram: Sequence[int], share: float) -> float | None:
    """In milliseconds; straight lines between the bounds."""
    wanted, passed, below = share * sum(histogram), 0, 0
    if not wanted:
        return None
    for bound, number in zip(BOUNDS_MS, histogram, strict=True):
        if passed + number >= wanted:
            return below + (bound - below) * (wanted - passed) / number
        passed, below = passed + number, bound
    return float(BOUNDS_MS[-1])


def whole_quantile(histogram: Sequence[int], share: float) -> int | None:
    """In whole milliseconds, as durations are logged."""
    value = quantile(histogram, share)
    return None if value is None else round(value)
