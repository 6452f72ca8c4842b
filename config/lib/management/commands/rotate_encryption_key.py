"""``manage.py rotate_encryption_key``: bring every stored secret under the first of FIELD_ENCRYPTION_KEYS."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.lib import audit
from config.lib.encryption import encrypted_columns, rotate


class Command(BaseCommand):
    help = "Re-encrypts stored secrets under the first key of FIELD_ENCRYPTION_KEYS. Safe to interrupt and to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=200, help="rows per transaction (default 200)")

    def handle(self, *_: Any, **options: Any) -> None:
        counted: dict[str, int] = {}
        for model, names in encrypted_columns():
            read = rewritten = 0
            for rows, values in rotate(model, names, batch=options["batch"]):
                read, rewritten = read + rows, rewritten + values
            counted[model._meta.db_table] = rewritten
            self.stdout.write(f"{model._meta.db_table}: {read} rows read, {rewritten} values re-encrypted")
        audit.record("encryption_key.rotated", target=("key_ring", "FIELD_ENCRYPTION_KEYS"), actor=None, after=counted)
        self.stdout.write("Every value is under the first key; the older keys can go.")
