"""``manage.py restore``: bring a backup back and prove it by its manifest."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.lib import backup, dumps
from config.lib.bucket import Bucket
from config.lib.sealing import Unsealable


class Command(BaseCommand):
    help = "Restores a backup into an empty database, in one transaction, and compares every table with its manifest."
    requires_system_checks = ()  # they would look at a database that is not there yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", default="latest", help="of a backup, or latest (default)")
        parser.add_argument("--list", action="store_true", help="say which backups there are, and do nothing")
        parser.add_argument("--into", metavar="URL", help="another database than DATABASE_URL")
        parser.add_argument("--replace", action="store_true", help="drop the tables that are there")
        parser.add_argument("--from-bucket", action="store_true", help="fetch it from BACKUP_S3_URL first")

    def handle(self, *_: Any, **options: Any) -> None:
        folder = Path(settings.BACKUP_DIR or ".")
        bucket = Bucket(settings.BACKUP_S3_URL) if options["from_bucket"] else None
        names = backup.complete(bucket.names() if bucket else (path.name for path in folder.glob("*")))
        if options["list"]:
            self.stdout.write("\n".join(names))
            return
        name = names[-1] if names and options["name"] == "latest" else options["name"]
        if name not in names:
            raise CommandError(f"No backup {name} in {'the bucket' if bucket else folder}")
        source = backup.fetch(bucket, name, folder) if bucket else folder / f"{name}{backup.SEALED}"
        self._restore(source, options["into"], options["replace"])

    def _restore(self, source: Path, into: str | None, replace: bool) -> None:
        try:
            counts = backup.restore(source, into=dumps.at(into) if into else dumps.ours(), replace=replace)
        except (backup.BackupFailed, dumps.ToolFailed, Unsealable) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Restored {source.name}: {sum(counts.values())} rows in {len(counts)} tables, as its manifest says"
        )
