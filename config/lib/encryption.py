"""Secrets at rest: Fernet tokens in the database, plain text in Python.

``settings.FIELD_ENCRYPTION_KEYS`` is a list of Fernet keys: the first encrypts, every one of them decrypts.
A key is retired by putting a new one in front, deploying that everywhere, running ``manage.py
rotate_encryption_key``, and only then dropping the old one.
"""

from collections.abc import Generator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import models, transaction
from django.db.models.functions import Cast

from config.lib import exact_json

_Set_contra = TypeVar("_Set_contra", contravariant=True)
_Get_co = TypeVar("_Get_co", covariant=True)
GENERATE = "generate one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"


class Undecryptable(Exception):
    """None of the configured keys opens a stored value: a key was dropped too early, or the row was tampered with."""

    def __init__(self) -> None:
        super().__init__("No key in FIELD_ENCRYPTION_KEYS opens this value")


@lru_cache(maxsize=8)
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured(f"FIELD_ENCRYPTION_KEYS is empty; {GENERATE}")
    return MultiFernet([Fernet(key) for key in keys])


def key_ring() -> MultiFernet:
    """The ring for today's setting; a changed setting makes a new ring."""
    return _ring(tuple(settings.FIELD_ENCRYPTION_KEYS))


def encrypt(text: str) -> str:
    """The token to store for ``text``: for statements that do not go through the field."""
    return key_ring().encrypt(text.encode()).decode("ascii")


def decrypt(token: str) -> str:
    """The text behind a stored token; raises Undecryptable."""
    try:
        return key_ring().decrypt(token).decode()
    except InvalidToken:
        raise Undecryptable from None


if TYPE_CHECKING:

    class _TextField(models.TextField[_Set_contra, _Get_co]):
        """Generic in the stubs, so that a nullable field reads as ``str | None``; not so in Django itself."""
else:

    class _TextField(models.TextField):
        def __class_getitem__(cls, _types: object) -> type:
            return cls


class _Unsearchable:
    """The same value encrypts to another token each time: every lookup but ``isnull`` raises FieldError, where it would
    else match nothing in silence."""

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None  # type: ignore[misc]

    def get_transform(self, _lookup_name: str) -> Any:
        return None


class EncryptedTextField(_Unsearchable, _TextField[_Set_contra, _Get_co]):
    """A TEXT column that holds a Fernet token and reads as ``str``."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return encrypt(text) if isinstance(text, str) else text

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        return None if value is None else decrypt(value)


class EncryptedJSONField(_Unsearchable, exact_json.ExactJSONField):
    """A JSONB column that holds one string, a Fernet token, and reads as the JSON value inside."""

    def get_db_prep_value(self, value: Any, *args: Any, **options: Any) -> Any:
        token = None if value is None else encrypt(exact_json.dumps(value).decode())
        return super().get_db_prep_value(token, *args, **options)

    def from_db_value(self, value: Any, *args: Any) -> Any:
        token = super().from_db_value(value, *args)
        return None if token is None else exact_json.loads(decrypt(token))


def encrypted_columns() -> list[tuple[type[models.Model], list[str]]]:
    """Every model of the project that has encrypted fields, with their names."""
    found = []
    for model in apps.get_models():
        names = [field.name for field in model._meta.local_concrete_fields if isinstance(field, _Unsearchable)]
        if names:
            found.append((model, names))
    return found


def rotate(model: type[models.Model], names: Sequence[str], *, batch: int = 200) -> Generator[tuple[int, int]]:
    """Re-encrypt a model's columns under the first key; yields (rows read, values rewritten) per batch.

    Values already under the first key are left alone, so a run that was interrupted is simply started again. A batch is
    one short transaction in primary-key order.
    """
    # The cast hands out what is stored: an expression has its own output field, which does not decrypt.
    stored = {f"stored_{name}": Cast(name, models.TextField()) for name in names}
    rows = model._base_manager.order_by("pk").annotate(**stored).values_list("pk", *stored)
    last: Any = None
    while page := list((rows if last is None else rows.filter(pk__gt=last))[:batch]):
        with transaction.atomic():
            yield len(page), sum(_rotate_row(model, pk, dict(zip(names, values, strict=True))) for pk, *values in page)
        last = page[-1][0]


def _rotate_row(model: type[models.Model], pk: Any, stored: dict[str, str | None]) -> int:
    return sum(_rotate_value(model, pk, name, text) for name, text in stored.items() if text and _is_stale(text))


def _rotate_value(model: type[models.Model], pk: Any, name: str, stored: str) -> int:
    token = _token_in(stored)
    try:
        fresh = stored.replace(token, key_ring().rotate(token).decode("ascii"))
    except InvalidToken:
        raise Undecryptable from None
    is_json = isinstance(model._meta.get_field(name), models.JSONField)
    value = Cast(models.Value(fresh, models.TextField()), models.JSONField() if is_json else models.TextField())
    # Compare-and-set on what is stored: a secret replaced while we worked is never put back.
    rows = model._base_manager.annotate(stored_text=Cast(name, models.TextField()))
    return rows.filter(pk=pk, stored_text=stored).update(**{name: value})


def _token_in(stored: str) -> str:
    """The token of a TEXT column, or of the JSON string in a JSONB one."""
    return stored.strip('"')


def _is_stale(stored: str) -> bool:
    try:
        Fernet(settings.FIELD_ENCRYPTION_KEYS[0]).decrypt(_token_in(stored))
    except InvalidToken:
        return True
    return False


@checks.register(checks.Tags.security)
def check_keys(**_: object) -> list[checks.CheckMessage]:
    """kernel.E001: without a usable key ring no secret can be read or written."""
    try:
        key_ring()
    except (ImproperlyConfigured, ValueError, TypeError) as error:
        message = f"FIELD_ENCRYPTION_KEYS is not a list of Fernet keys: {error}"
        return [checks.Error(message, hint=GENERATE, id="kernel.E001")]
    return []
