"""Backups: the whole database as of one moment, sealed, with a manifest by which a restored one is proven.

A backup is two files: ``gateway-<UTC time>.dump.sealed`` and, written after it and therefore the sign that it is whole,
``….json``: row counts of every table as of the same snapshot, versions, size and SHA-256. Both are copied to the bucket
of ``BACKUP_S3_URL``, if there is one. FIELD_ENCRYPTION_KEYS are in no backup: keep them, and BACKUP_KEY, elsewhere.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
from django.conf import settings
from psycopg import sql

from config.lib import dumps
from config.lib.audit import AuditEntry
from config.lib.bucket import Bucket
from config.lib.dumps import Database
from config.lib.metrics.truths import Truth
from config.lib.sealing import parse_keys, seal, unseal

logger = logging.getLogger(__name__)

SEALED, MANIFEST = ".dump.sealed", ".json"
TRUTHS = (
    Truth(
        "gateway_backup_age_seconds",
        "Age of the newest backup; absent before the first.",
        # By idx_audit_log_target.
        "SELECT extract(epoch FROM now() - max(at)) FROM audit_log"
        " WHERE target_type = 'backup' AND action = 'backup.written'",
    ),
)


class BackupFailed(Exception):
    """A backup could not be made or brought back; the message says why."""


@dataclass(frozen=True, slots=True)
class Manifest:
    name: str
    created_at: str
    version: str
    postgres: int
    size: int
    sha256: str
    counts: dict[str, int]


def keys() -> list[bytes]:
    """Of BACKUP_KEY: the first seals, each one opens."""
    try:
        return parse_keys(settings.BACKUP_KEY)
    except ValueError as error:
        raise BackupFailed(f"BACKUP_KEY {error}") from error


def make(folder: Path, *, now: datetime) -> Manifest:
    """Write a backup of our database into `folder`. One at a time, whoever asks."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"gateway-{now:%Y%m%dT%H%M%SZ}"
    database = dumps.ours()
    with dumps.connect(database) as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        if not _one(session, "SELECT pg_try_advisory_xact_lock(hashtext('gateway backup'))"):
            raise BackupFailed("Another backup is being made")
        snapshot = str(_one(session, "SELECT pg_export_snapshot()"))
        size, digest = _write(folder / f"{name}{SEALED}", database, snapshot)
        postgres, counts = session.info.server_version // 10_000, count_rows(session)
    manifest = Manifest(name, f"{now:%Y-%m-%dT%H:%M:%SZ}", settings.VERSION, postgres, size, digest, counts)
    (folder / f"{name}{MANIFEST}").write_text(json.dumps(asdict(manifest), indent=1))
    _record("backup.written", name, {"size": size, "sha256": digest})
    return manifest


def _write(path: Path, database: Database, snapshot: str) -> tuple[int, str]:
    """Size and SHA-256 of the finished file; an unfinished one is not left behind under any name."""
    draft, digest, size = path.with_suffix(".part"), hashlib.sha256(), 0
    try:
        with draft.open("wb") as file, dumps.dump(database, snapshot=snapshot) as stream:
            draft.chmod(0o600)
            for piece in seal(stream, keys()[0]):  # type: ignore[arg-type]  # a pipe reads like a file
                size += file.write(piece)
                digest.update(piece)
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    return size, digest.hexdigest()


def restore(source: Path, *, into: Database, replace: bool) -> dict[str, int]:
    """Bring a backup back, in one transaction, and compare it with its manifest; returns the rows of each table."""
    manifest = read_manifest(source.with_name(source.name.removesuffix(SEALED) + MANIFEST))
    with dumps.connect(into) as session:
        if not replace and count_rows(session):
            raise BackupFailed("The database is not empty; --replace drops what is there")
    with source.open("rb") as file:
        dumps.load(into, unseal(file, keys()), replace=replace)
    with dumps.connect(into) as session:
        counts = count_rows(session)
        _prove(manifest, counts)
        session.execute(
            "INSERT INTO audit_log (actor, action, target_type, target_id) VALUES ('system', %s, 'backup', %s)",
            ["backup.restored", manifest.name],
        )
    return counts


def _prove(manifest: Manifest, counts: dict[str, int]) -> None:
    expected = manifest.counts.items()
    wrong = {name: (counts.get(name), count) for name, count in expected if counts.get(name) != count}
    if wrong:
        raise BackupFailed(f"Rows differ from the manifest (found, expected): {wrong}")


def read_manifest(path: Path) -> Manifest:
    try:
        return Manifest(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise BackupFailed(f"{path} is no manifest: {error}") from error


def count_rows(session: psycopg.Connection) -> dict[str, int]:
    """Of every table. They are all read, as the dump reads them: minutes for a hundred million rows."""
    tables = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    return {name: _one(session, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))) for (name,) in tables}


def complete(names: Iterable[str]) -> list[str]:
    """The backups among these file names that are whole, oldest first."""
    return sorted(name.removesuffix(MANIFEST) for name in names if name.endswith(MANIFEST))


def too_old(names: Sequence[str], *, now: datetime, days: int) -> list[str]:
    """Those past their time; never the newest one, whatever its age."""
    limit = f"gateway-{now - timedelta(days=days):%Y%m%dT%H%M%SZ}"
    return [name for name in names[:-1] if name < limit]


def prune(folder: Path, *, now: datetime, days: int) -> list[str]:
    gone = too_old(complete(path.name for path in folder.iterdir()), now=now, days=days)
    for name in gone:
        # The manifest first: what has none does not count as a backup.
        (folder / f"{name}{MANIFEST}").unlink()
        (folder / f"{name}{SEALED}").unlink(missing_ok=True)
    return gone


def copy_to(bucket: Bucket, folder: Path, name: str, *, now: datetime, days: int) -> list[str]:
    """Store a backup in the bucket, and remove from there what is past its time; returns what was removed."""
    for suffix in (SEALED, MANIFEST):
        with (folder / f"{name}{suffix}").open("rb") as file:
            bucket.put(f"{name}{suffix}", file)
    gone = too_old(complete(bucket.names()), now=now, days=days)
    for old in gone:
        bucket.remove(f"{old}{MANIFEST}")
        bucket.remove(f"{old}{SEALED}")
    return gone


def fetch(bucket: Bucket, name: str, folder: Path) -> Path:
    """Bring a backup from the bucket into `folder`; the name of the sealed file there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for suffix in (SEALED, MANIFEST):
        with bucket.open(f"{name}{suffix}") as source, (folder / f"{name}{suffix}").open("wb") as file:
            for piece in _pieces(source):
                file.write(piece)
    return folder / f"{name}{SEALED}"


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(1 << 20):
        yield piece


def _one(session: psycopg.Connection, statement: Any) -> Any:
    row = session.execute(statement).fetchone()
    return row and row[0]


def _record(action: str, name: str, after: dict[str, Any]) -> None:
    AuditEntry.objects.create(action=action, actor="system", target_type="backup", target_id=name, after=after)


def back_up(*, now: datetime) -> Manifest:
    """What beat and the command do: make one, copy it, remove the old ones."""
    if not settings.BACKUP_DIR:
        raise BackupFailed("BACKUP_DIR is not set")
    folder, days = Path(settings.BACKUP_DIR), settings.BACKUP_KEEP_DAYS
    manifest = make(folder, now=now)
    gone = prune(folder, now=now, days=days)
    if settings.BACKUP_S3_URL:
        gone += copy_to(Bucket(settings.BACKUP_S3_URL), folder, manifest.name, now=now, days=days)
    logger.info("backup_written", extra={"backup": manifest.name, "bytes": manifest.size, "removed": gone})
    return manifest
