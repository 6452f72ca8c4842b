"""A deployment's settings, in a process of their own: Django's checks for deployments find nothing to say."""

import os
import subprocess
import sys

from cryptography.fernet import Fernet
from django.conf import settings

from config.lib.tests.outside import bare


def manage(*arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    environment = bare() | {
        "SECRET_KEY": "k" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2,
        "ALLOWED_HOSTS": "gateway.example",
        "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "REDIS_URL": os.environ["REDIS_URL"],
    }
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment | changes, capture_output=True, text=True, check=False
    )


def test_the_checks_for_a_deployment_find_nothing() -> None:
    result = manage("check", "--deploy", "--fail-level", "WARNING")
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout + result.stderr


def test_a_deployment_without_a_key_ends_with_its_name() -> None:
    result = manage("check", FIELD_ENCRYPTION_KEYS="")
    assert result.returncode != 0
    assert "FIELD_ENCRYPTION_KEYS must be set" in result.stderr


def test_what_would_spoil_a_backup_is_said_at_the_start() -> None:
    for name, value in {"BACKUP_KEY": "no key", "DATABASE_TRANSACTION_POOLING": "1"}.items():
        result = manage("check", **{"BACKUP_DIR": "/nowhere", name: value})
        assert result.returncode != 0
        assert name in result.stderr
