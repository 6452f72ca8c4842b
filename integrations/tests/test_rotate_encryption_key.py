"""manage.py rotate_encryption_key, over the secrets of integrations"""

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from config.lib import encryption
from config.lib.encryption import Undecryptable
from integrations.models import Integration
from integrations.tests.factories import an_integration

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def rows(owner: User, settings: Any) -> list[Integration]:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    made = [an_integration(owner, webhook_secret=f"whsec_{n}", config={"salt": n}) for n in range(7)]
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    return made


def under_first_key() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_secret, webhook_secret, config::text FROM integrations")
        stored = [text for row in cursor.fetchall() for text in row]
    return sum(not encryption._is_stale(text) for text in stored)


def rotate(batch: int = 3) -> str:
    said = StringIO()
    call_command("rotate_encryption_key", batch=batch, stdout=said)
    return said.getvalue()


def test_every_secret_comes_under_the_first_key_unchanged(rows: list[Integration], settings: Any) -> None:
    assert "integrations: 7 rows read, 21 values re-encrypted" in rotate()
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    for row in rows:
        read = Integration.objects.get(pk=row.pk)
        assert (read.api_secret, read.webhook_secret) == (row.api_secret, row.webhook_secret)
        assert read.config == row.config
        assert read.previous_api_secret is None


def test_a_second_run_changes_nothing(rows: list[Integration]) -> None:
    rotate()
    assert "integrations: 7 rows read, 0 values re-encrypted" in rotate()


def test_an_interrupted_run_is_taken_up_again(rows: list[Integration]) -> None:
    steps = encryption.rotate(Integration, ["api_secret", "webhook_secret", "config"], batch=3)
    next(steps)
    next(steps)
    steps.close()
    done = under_first_key()
    assert 0 < done < 21
    assert f"{21 - done} values re-encrypted" in rotate()
    assert under_first_key() == 21


def test_a_secret_replaced_meanwhile_is_not_put_back(rows: list[Integration]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_secret FROM integrations WHERE id = %s", [rows[0].pk])
        seen = cursor.fetchone()[0]
    Integration.objects.filter(pk=rows[0].pk).update(api_secret="sk_new")
    assert encryption._rotate_value(Integration, rows[0].pk, "api_secret", seen) == 0
    assert Integration.objects.get(pk=rows[0].pk).api_secret == "sk_new"


def test_a_value_that_no_key_opens_stops_the_run(rows: list[Integration], settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(Undecryptable):
        rotate()
