from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from integrations.lockout import FAILURES
from integrations.models import Integration


@pytest.mark.django_db(transaction=True)  # the handler ends a request as a server does, connection and all
def test_the_benchmark_runs_and_leaves_nothing() -> None:
    said = StringIO()
    call_command("bench_keys", calls=2, stdout=said)
    assert [line.split("p50")[0].strip() for line in said.getvalue().splitlines()] == [
        *("no-op view", "with a key", "refused: unknown key", "refused: wrong secret", "refused: inactive"),
        "create (and delete)",
    ]
    assert not Integration.objects.exists()
    assert not User.objects.exists()
    assert FAILURES.limit == 10
