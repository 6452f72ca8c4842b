"""Histograms: what they say is true to the width of a step, and PostgreSQL adds them up as Python does."""

from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from config.lib.histograms import BOUNDS_MS, both, collected, quantile, step_of, summed, total, whole_quantile

durations = st.lists(st.integers(0, 40_000), min_size=1, max_size=200)


def counted(values: list[int]) -> list[int]:
    steps = [next((at for at, bound in enumerate(BOUNDS_MS) if value <= bound), len(BOUNDS_MS) - 1) for value in values]
    return [steps.count(at) for at in range(len(BOUNDS_MS))]


@given(durations, st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_lies_in_the_step_of_the_true_one(values: list[int], share: float) -> None:
    value = quantile(counted(values), share)
    true = sorted(values)[max(0, -(-int(share * 100) * len(values) // 100) - 1)]
    step = next((at for at, bound in enumerate(BOUNDS_MS) if true <= bound), len(BOUNDS_MS) - 1)
    assert value is not None
    assert (0, *BOUNDS_MS)[step] <= value <= BOUNDS_MS[step]


def test_nothing_has_no_quantile() -> None:
    assert quantile(total([]), 0.5) is None
    assert whole_quantile(total([]), 0.5) is None


def test_the_database_counts_and_adds_up_alike(db: None) -> None:
    one, other = [0, 1, 4, 4, 999], [12, 30_000, 99_999]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH seen AS (SELECT said, {step_of("took")} AS step, 1 AS n
                          FROM (SELECT 1 AS said, unnest(%s) AS took UNION ALL SELECT 2, unnest(%s)) AS tried),
                 found AS (SELECT said, {collected("n", "step")} AS took FROM seen GROUP BY said)
            SELECT (SELECT took FROM found WHERE said = 1), (SELECT {summed("took")} FROM found),
                   (SELECT {both("a.took", "b.took")} FROM found a, found b WHERE a.said = 1 AND b.said = 2)""",
            [one, other],
        )
        assert cursor.fetchone() == (counted(one), counted(one + other), counted(one + other))
    assert total([counted(one), counted(other)]) == counted(one + other)
