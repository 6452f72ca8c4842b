"""``manage.py backup``: one backup now, into BACKUP_DIR and, if BACKUP_S3_URL is set, a bucket."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.lib import backup
from config.lib.dumps import ToolFailed


class Command(BaseCommand):
    help = "Writes a sealed backup of the database into BACKUP_DIR, copies it to BACKUP_S3_URL, removes old ones."

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            manifest = backup.back_up(now=timezone.now())
        except (backup.BackupFailed, ToolFailed) as error:
            raise CommandError(str(error)) from error
        rows = sum(manifest.counts.values())
        self.stdout.write(f"{manifest.name}: {manifest.size} bytes, {rows} rows in {len(manifest.counts)} tables")
