from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.retries import DEFAULT_ATTEMPTS, Schedule, parse_retry_after, retry_delay, scheduled_delay

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = 24 * 3600


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (9, 256), (10, 300), (20, 300), (10_000, 300)]
)
def test_exponential_doubles_from_a_second_to_five_minutes(attempts: int, seconds: float) -> None:
    assert scheduled_delay("exponential", attempts) == seconds


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 5), (2, 300), (3, 1800), (4, 7200), (5, 18000), (6, 36000), (7, 50400), (8, 72000), (9, DAY), (15, DAY)],
)
def test_standard_follows_its_steps_and_repeats_the_last(attempts: int, seconds: float) -> None:
    assert scheduled_delay("standard", attempts) == seconds


def test_base_and_cap_shape_the_exponential_schedule_only() -> None:
    assert scheduled_delay("exponential", 3, base=0.5, cap=1) == 1
    assert scheduled_delay("exponential", 1, base=0.5, cap=1) == 0.5
    assert scheduled_delay("standard", 3, base=0.5, cap=1) == 1800


def test_default_attempts_cover_each_schedule_once() -> None:
    assert DEFAULT_ATTEMPTS == {Schedule.EXPONENTIAL: 5, Schedule.STANDARD: 10}


@given(schedule=st.sampled_from(Schedule), attempts=st.integers(1, 50), chance=st.floats(0, 1, exclude_max=True))
def test_jitter_adds_up_to_a_fifth_and_never_subtracts(schedule: str, attempts: int, chance: float) -> None:
    planned = scheduled_delay(schedule, attempts)
    assert planned <= retry_delay(schedule, attempts, chance=chance) <= planned * 1.2


def test_the_later_of_schedule_and_retry_after_wins() -> None:
    assert retry_delay("exponential", 1, chance=0, retry_after=60) == 60
    assert retry_delay("standard", 2, chance=0, retry_after=60) == 300


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        (str(DAY), DAY),
        (str(DAY + 1), DAY),
        ("9" * 100_000, DAY),
        ("0" * 5_000 + "7", 7),
        ("-5", 0),
        ("1.5", 0),
        ("+5", 0),
        ("٣", 0),
        ("soon", 0),
        ("", 0),
        (None, 0),
        ("Thu, 01 Jan 2026 12:01:00 GMT", 60),
        ("Thu, 01 Jan 2026 12:01:00", 60),
        ("Thu, 01 Jan 2026 11:59:00 GMT", 0),
        ("Thu, 01 Jan 2037 12:00:00 GMT", DAY),
        ("Thu, 01 Jan 2026 14:01:00 +0200", 60),
        ("Mon, 99 Foo 9999 99:99:99 GMT", 0),
        ("Thu, 01 Jan 999999999999 00:00:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_a_day(value: str | None, seconds: float) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(st.text())
def test_any_retry_after_text_gives_a_wait_within_a_day(value: str) -> None:
    assert 0 <= parse_retry_after(value, NOW) <= DAY


@given(st.integers(0, DAY))
def test_a_date_means_the_same_as_its_distance(seconds: int) -> None:
    assert parse_retry_after(format_datetime(NOW + timedelta(seconds=seconds), usegmt=True), NOW) == seconds
