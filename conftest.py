"""The test suite's PostgreSQL and Valkey: embedded, apart from the development pair, stopped by the last to leave."""

import gc
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from tempfile import TemporaryDirectory

import django
import hypothesis
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test import TransactionTestCase
from pytest_django.plugin import DjangoDbBlocker
from xdist.remote import Producer

from config.lib import devservices
from config.tests.scheduling import Scheduling

# As it comes, Python looks for garbage after every 700 new objects, which took a sixth of the suite's time.
gc.set_threshold(10_000, 20, 20)
os.environ.setdefault("DEBUG", "1")
# All tests call from one address within a minute; those of the limits set their own.
os.environ.setdefault("API_RATE_PER_MINUTE", "1000000")
os.environ.setdefault("API_RATE_PER_HOUR", "1000000")
# The first worker of xdist takes those of the process that started it, which has no use for them. Each other one has
# servers of its own in place of those it inherits: Valkey's channels know no databases.
if (worker := os.environ.get("PYTEST_XDIST_WORKER", "gw0")) != "gw0":
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
# Not for the workers to inherit: pytest-django would read the settings before they have servers of their own.
del os.environ["DJANGO_SETTINGS_MODULE"]
# A password's hash costs a third of a second by intent: the suite logs in a thousand times.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Static files are looked for when somebody asks: each client of a test would else begin with a walk through all.
settings.WHITENOISE_AUTOREFRESH = True
# How long an example takes tells of the machine, not of the code.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")

from config.lib import announcements, rate_limits  # noqa: E402  # they read the settings
from webhooks import nudge  # noqa: E402


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Tests that commit leave the database as the migrations made it, with the rows that these have put there.

    Django's own way is to empty every table: the groups and the templates would be gone for whichever test comes next.
    """
    with django_db_blocker.unblock():
        again = _as_migrated()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: _execute(again))
        yield


@pytest.fixture(autouse=True)
def valkey_is_asked_again() -> None:
    """Who has found Valkey gone leaves it alone for a second or two, which is none of the next test's business."""
    rate_limits.Silence.until = announcements._silent_until = nudge._silent_until = 0.0


def _as_migrated() -> list[str]:
    """What brings back the state of this moment: a copy of each table with rows is kept in a schema of its own."""
    tables = connection.introspection.table_names()
    _execute(["ALTER TABLE audit_log DISABLE TRIGGER audit_log_no_truncate", "CREATE SCHEMA IF NOT EXISTS migrated"])
    with connection.cursor() as cursor:
        seeded = [table for table in tables if _rows(cursor, table)]
    _execute([f"DROP TABLE IF EXISTS migrated.{table}" for table in seeded])
    _execute([f"CREATE TABLE migrated.{table} AS TABLE public.{table}" for table in seeded])
    empty = f"TRUNCATE {', '.join(f'public.{table}' for table in tables)}"
    refill = "INSERT INTO public.{0} OVERRIDING SYSTEM VALUE TABLE migrated.{0}"
    return [empty, *(refill.format(table) for table in seeded)]


def _rows(cursor: CursorWrapper, table: str) -> bool:
    cursor.execute(f"SELECT EXISTS (SELECT FROM public.{table})")
    return bool(cursor.fetchone()[0])


def _execute(statements: Iterable[str]) -> None:
    """In one transaction: the references between the refilled tables are looked at when it commits."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


def pytest_unconfigure(config: pytest.Config) -> None:
    at_the_end.close()
