"""When a failed delivery is tried again: schedules, jitter and Retry-After. Durations are in seconds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from types import MappingProxyType


class Schedule(StrEnum):
    EXPONENTIAL = "exponential"
    STANDARD = "standard"


# Svix's published schedule, recommended by Standard Webhooks 1.0. The first attempt is immediate, so has no step.
STANDARD_STEPS = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
DEFAULT_ATTEMPTS: Mapping[Schedule, int] = MappingProxyType(
    {Schedule.EXPONENTIAL: 5, Schedule.STANDARD: len(STANDARD_STEPS) + 1}
)
JITTER = 0.2
RETRY_AFTER_MAX = 24 * 3600


def scheduled_delay(schedule: str, attempts: int, *, base: float = 1, cap: float = 300) -> float:
    """The wait after `attempts` (≥ 1) failed attempts, before jitter; `base` and `cap` shape the exponential one."""
    if schedule == Schedule.STANDARD:
        return STANDARD_STEPS[min(attempts, len(STANDARD_STEPS)) - 1]
    return min(base * 2.0 ** min(attempts - 1, 64), cap)


def retry_delay(
    schedule: str, attempts: int, *, chance: float, retry_after: float = 0, base: float = 1, cap: float = 300
) -> float:
    """The wait before the next attempt: the schedule's plus up to 20 %, or what the receiver asked for if later.

    `chance` in [0, 1) is the caller's random number. Jitter is only added, so a promise of "at least" holds.
    """
    return max(scheduled_delay(schedule, attempts, base=base, cap=cap) * (1 + JITTER * chance), retry_after)


def parse_retry_after(value: str | None, now: datetime) -> float:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3), within 0 and 24 h; nonsense asks for nothing."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        digits = text.lstrip("0") or "0"  # int() must not meet a kilobyte of them
        return RETRY_AFTER_MAX if len(digits) > len(str(RETRY_AFTER_MAX)) else min(int(digits), RETRY_AFTER_MAX)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0), RETRY_AFTER_MAX)
