"""Secrets at rest: the key ring, the field on a real column, the check of the setting"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from cryptography.fernet import Fernet
from django.apps.registry import Apps
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import connection, models
from hypothesis import given
from hypothesis import strategies as st

from config.lib import encryption, exact_json
from config.lib.encryption import (
    EncryptedJSONField,
    EncryptedTextField,
    Undecryptable,
    check_keys,
    decrypt,
    encrypt,
    key_ring,
)

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


class Safe(models.Model):
    secret = EncryptedTextField()
    spare = EncryptedTextField(null=True)
    papers = EncryptedJSONField(null=True)

    objects: ClassVar = models.Manager["Safe"]()

    class Meta:
        app_label = "kernel"
        apps = Apps()  # a registry of its own: the project does not have this model
        db_table = "test_safe"

    def __str__(self) -> str:
        return str(self.pk)


@pytest.fixture
def table(db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE test_safe (id serial PRIMARY KEY, secret text, spare text, papers jsonb)")
        yield
        cursor.execute("DROP TABLE test_safe")


def stored() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret, spare FROM test_safe ORDER BY id")
        return list(cursor.fetchall())


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_comes_back(text: str) -> None:
    assert decrypt(encrypt(text)) == text


def test_the_same_text_never_looks_the_same() -> None:
    assert encrypt("hush") != encrypt("hush")


def test_the_column_holds_a_token_and_python_sees_the_text(table: None) -> None:
    row = Safe.objects.create(secret="hush", spare=None)
    token, spare = stored()[0]
    assert (decrypt(token), spare) == ("hush", None)
    assert "hush" not in token
    read = Safe.objects.get(pk=row.pk)
    assert (read.secret, read.spare) == ("hush", None)


def test_every_way_of_writing_encrypts(table: None) -> None:
    row = Safe.objects.create(secret="created")
    Safe.objects.bulk_create([Safe(secret="bulk", spare="bulk")])
    Safe.objects.filter(pk=row.pk).update(spare="updated")
    row.secret = "saved"
    row.save(update_fields=["secret"])
    Safe.objects.bulk_update([Safe(pk=row.pk, secret="bulk update")], ["secret"])
    assert [[decrypt(token) for token in tokens] for tokens in stored()] == [
        ["bulk update", "updated"],
        ["bulk", "bulk"],
    ]


@pytest.mark.parametrize("value", [{"a": [1, Decimal("0.10"), None, "ü"]}, {}, [], "text", 5, True])
def test_json_is_stored_as_one_token_and_keeps_its_exact_figures(table: None, value: Any) -> None:
    Safe.objects.create(secret="x", papers=value)
    with connection.cursor() as cursor:
        cursor.execute("SELECT jsonb_typeof(papers), papers #>> '{}' FROM test_safe")
        kind, token = cursor.fetchone()
    assert kind == "string"
    assert exact_json.loads(decrypt(token)) == value
    assert str(Safe.objects.get().papers) == str(value)


@pytest.mark.parametrize(
    "condition",
    [
        *({"secret": "x"}, {"secret__in": ["x"]}, {"secret__startswith": "x"}, {"spare": None}),
        *({"papers": {}}, {"papers__a": 1}, {"papers__has_key": "a"}, {"papers__contains": {}}),
    ],
)
def test_a_search_for_a_secret_is_refused_rather_than_empty(condition: dict[str, Any]) -> None:
    with pytest.raises(FieldError):
        Safe.objects.filter(**condition)


def test_a_missing_secret_can_be_searched_for(table: None) -> None:
    Safe.objects.create(secret="x")
    assert Safe.objects.filter(spare__isnull=True).exists()


def test_an_older_key_still_opens_and_the_first_one_closes(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    token = encrypt("hush")
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    assert decrypt(token) == "hush"
    assert Fernet(NEW).decrypt(encrypt("hush").encode()) == b"hush"


def test_without_its_key_a_value_stays_closed(settings: Any) -> None:
    token = encrypt("hush")
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(Undecryptable):
        decrypt(token)
    with pytest.raises(Undecryptable):
        decrypt("not a token")


def test_the_ring_is_made_once_for_a_setting(settings: Any) -> None:
    first = key_ring()
    assert key_ring() is first
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert key_ring() is not first


@pytest.mark.parametrize("keys", [[], [""], ["short"], ["x" * 44], [OLD, "short"], [None]])
def test_keys_that_are_none_are_found_at_start(settings: Any, keys: list[Any]) -> None:
    settings.FIELD_ENCRYPTION_KEYS = keys
    assert [error.id for error in check_keys()] == ["kernel.E001"]


def test_no_key_at_all_says_how_to_make_one(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = []
    with pytest.raises(ImproperlyConfigured, match="generate_key"):
        key_ring()


def test_good_keys_pass(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD, NEW]
    assert check_keys() == []


def test_every_encrypted_column_of_the_project_is_known() -> None:
    found = {(model._meta.db_table, name) for model, names in encryption.encrypted_columns() for name in names}
    assert found >= {
        ("webhooks", "secret"),
        ("webhooks", "previous_secret"),
        ("integrations", "api_secret"),
        ("integrations", "previous_api_secret"),
        ("integrations", "webhook_secret"),
        ("integrations", "config"),
    }
