"""The test suite's PostgreSQL and Valkey: embedded, apart from the development pair, stopped by the last to leave."""

import os
from contextlib import ExitStack
from tempfile import TemporaryDirectory

import django
import pytest
from pytest_django.plugin import DjangoDbBlocker

from config.lib import devservices

os.environ.setdefault("DEBUG", "1")
# All tests call from one address within a minute; those of the limits set their own.
os.environ.setdefault("API_RATE_PER_MINUTE", "1000000")
os.environ.setdefault("API_RATE_PER_HOUR", "1000000")
# Each worker of xdist has servers of its own in place of those it inherits: Valkey's channels know no databases.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    for name in os.environ.get("EMBEDDED_FOR_TESTS", "").split():
        del os.environ[name]
    os.environ["DEVSERVICES_DIR"] = str(devservices.folder() / worker)
os.environ["EMBEDDED_FOR_TESTS"] = " ".join(devservices.absent_urls())
# Here, and not in a fixture: the URLs must stand before Django reads its settings.
at_the_end = ExitStack()
at_the_end.enter_context(devservices.borrowed(for_tests=True))
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = at_the_end.enter_context(TemporaryDirectory())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests that commit are cleaned up with TRUNCATE, which the audit log refuses."""
    from django.db import connection  # noqa: PLC0415  # Django is set up by now

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_log DISABLE TRIGGER audit_log_no_truncate")


def pytest_unconfigure(config: pytest.Config) -> None:
    at_the_end.close()
