from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from integrations.lockout import FAILURES
from integrations.management.commands.bench_keys import slower
from integrations.models import Integration


@pytest.mark.django_db(transaction=True)  # the handler ends a request as a server does, connection and all
def test_the_benchmark_runs_and_leaves_nothing() -> None:
    said = StringIO()
    call_command("bench_keys", calls=2, stdout=said)
    measured, told = said.getvalue().split("\n\n")
    refused = ("wrong secret", "inactive", "suspended", "expired", "foreign address")
    assert [line.split("p50")[0].strip() for line in measured.splitlines()] == [
        *("no-op view", "with a key", "refused: unknown key", *(f"refused: {reason}" for reason in refused), "create"),
    ]
    assert [line.split("slower")[0].strip() for line in told.splitlines()[1:]] == [f"refused: {why}" for why in refused]
    assert not Integration.objects.exists()
    assert not User.objects.exists()
    assert FAILURES.limit == 10


def test_a_difference_is_told_from_none() -> None:
    same, later = [1.0, 2.0, 3.0, 4.0] * 50, [2.0, 3.0, 4.0, 5.0] * 50
    assert slower(same, same) == (0.5, 1.0)
    share, chance = slower(later, same)
    assert (share, chance < 0.001) == (0.71875, True)
