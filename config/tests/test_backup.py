"""A backup is proven by bringing it back: every row is there, and a delivery out of it is signed as before."""

import base64
import os
import secrets
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql

from config.lib import backup, dumps
from config.lib.audit import AuditEntry
from config.lib.checks import check_backups
from config.lib.encryption import decrypt
from config.lib.metrics.scrape import exposition
from config.lib.metrics.truths import DatabaseTruths
from config.lib.sealing import Unsealable, unseal
from config.lib.tests import store
from webhooks import signing
from webhooks.tests.factories import make_delivery, make_user, make_webhook

NOW = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(autouse=True)
def key_and_folder(settings: Any, tmp_path: Path) -> None:
    settings.BACKUP_KEY = base64.urlsafe_b64encode(os.urandom(32)).decode()
    settings.BACKUP_DIR = str(tmp_path / "backups")
    settings.BACKUP_S3_URL = ""
    settings.BACKUP_KEEP_DAYS = 14


@pytest.fixture
def owner(transactional_db: None) -> User:
    return make_user("owner")


@pytest.fixture
def fresh(transactional_db: None) -> Iterator[str]:
    """The URL of an empty database beside ours."""
    name = f"restored_{secrets.token_hex(4)}"
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield psycopg.conninfo.make_conninfo(**(dict(dumps.ours()) | {"dbname": name}))
        session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def run(command: str, *arguments: str) -> str:
    told = StringIO()
    call_command(command, *arguments, stdout=told)
    return told.getvalue().strip()


def files(settings: Any) -> list[Path]:
    return sorted(Path(settings.BACKUP_DIR).iterdir())


def test_what_was_backed_up_comes_back_whole_and_signs_as_before(owner: User, fresh: str, settings: Any) -> None:
    delivery = make_delivery(make_webhook(owner, secret=SECRET), status="delivered", next_retry_at=None)
    name = run("backup").partition(":")[0]
    User.objects.create_user("later")  # after the backup, hence not in it
    told = run("restore", "latest", "--into", fresh)
    assert told.startswith(f"Restored {name}")

    manifest = backup.read_manifest(Path(settings.BACKUP_DIR) / f"{name}.json")
    assert manifest.counts["webhook_deliveries"] == 1
    with psycopg.connect(fresh) as session:
        assert backup.count_rows(session) == manifest.counts | {"audit_log": manifest.counts["audit_log"] + 1}
        assert session.execute("SELECT username FROM auth_user").fetchall() == [("owner",)]
        row = session.execute(
            "SELECT w.secret, e.id, e.body FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id"
            " JOIN webhook_events e ON e.id = d.event_id WHERE d.id = %s",
            [delivery.pk],
        ).fetchone()
    assert row is not None
    sealed_secret, event_id, body = row
    before = signing.sign(SECRET, delivery.source_id, 1614265330, bytes(delivery.source.body))
    assert signing.sign(decrypt(sealed_secret), event_id, 1614265330, bytes(body)) == before


def test_a_backup_is_sealed_private_and_says_what_it_holds(owner: User, settings: Any) -> None:
    run("backup")
    sealed, manifest = files(settings)
    assert (manifest.suffix, sealed.suffixes) == (".json", [".dump", ".sealed"])
    assert b"owner" not in sealed.read_bytes()
    assert b"PGDMP" not in sealed.read_bytes()
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
    assert backup.read_manifest(manifest).size == sealed.stat().st_size
    (entry,) = AuditEntry.objects.filter(action="backup.written")
    assert entry.target_id == manifest.stem


def test_the_age_of_the_newest_backup_is_a_figure(owner: User) -> None:
    assert "\ngateway_backup_age_seconds" not in exposition([DatabaseTruths(backup.TRUTHS)]).decode()
    run("backup")
    lines = exposition([DatabaseTruths(backup.TRUTHS)]).decode().splitlines()
    (age,) = [line.rpartition(" ")[2] for line in lines if line.startswith("gateway_backup_age_seconds")]
    assert 0 <= float(age) < 300


def test_a_database_that_is_in_use_is_not_overwritten_unless_asked(owner: User, fresh: str) -> None:
    run("backup")
    run("restore", "--into", fresh)
    with psycopg.connect(fresh, autocommit=True) as session:
        session.execute("UPDATE auth_user SET username = 'changed'")
        with pytest.raises(CommandError, match="not empty"):
            run("restore", "--into", fresh)
        assert session.execute("SELECT username FROM auth_user").fetchall() == [("changed",)]
    run("restore", "--into", fresh, "--replace")
    with psycopg.connect(fresh) as session:
        assert session.execute("SELECT username FROM auth_user").fetchall() == [("owner",)]


def damage_cut(sealed: Path) -> None:
    sealed.write_bytes(sealed.read_bytes()[:-100])


def damage_change(sealed: Path) -> None:
    content = bytearray(sealed.read_bytes())
    content[len(content) // 2] ^= 1
    sealed.write_bytes(bytes(content))


def damage_replace(sealed: Path) -> None:
    sealed.write_bytes(b"PGDMP this is no backup")


@pytest.mark.parametrize("damage", [damage_cut, damage_change, damage_replace])
def test_a_damaged_backup_brings_nothing_back(owner: User, fresh: str, settings: Any, damage: Any) -> None:
    run("backup")
    damage(files(settings)[0])
    with pytest.raises(CommandError):
        run("restore", "--into", fresh)
    with psycopg.connect(fresh) as session:
        assert backup.count_rows(session) == {}


def test_a_manifest_that_says_otherwise_is_an_error(owner: User, fresh: str, settings: Any) -> None:
    run("backup")
    manifest = files(settings)[1]
    manifest.write_text(manifest.read_text().replace('"auth_user": 1', '"auth_user": 2'))
    with pytest.raises(CommandError, match=r"auth_user.*\(1, 2\)"):
        run("restore", "--into", fresh)


def test_a_manifest_that_cannot_be_read_stops_the_restore_before_it_begins(
    owner: User, fresh: str, settings: Any
) -> None:
    run("backup")
    files(settings)[1].write_text("{")
    with pytest.raises(CommandError, match="no manifest"):
        run("restore", "--into", fresh)
    with psycopg.connect(fresh) as session:
        assert backup.count_rows(session) == {}


def test_only_its_key_opens_a_backup_and_a_former_key_still_does(owner: User, fresh: str, settings: Any) -> None:
    run("backup")
    former, settings.BACKUP_KEY = settings.BACKUP_KEY, base64.urlsafe_b64encode(os.urandom(32)).decode()
    with pytest.raises(CommandError, match="No key"):
        run("restore", "--into", fresh)
    settings.BACKUP_KEY += f", {former}"
    run("restore", "--into", fresh)


def test_where_sessions_are_shared_no_backup_is_tried(
    owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    with pytest.raises(CommandError, match="PostgreSQL itself"):
        run("backup")
    assert files(settings) == []
    assert [error.id for error in check_backups()] == ["kernel.E004"]


def test_a_second_backup_at_the_same_time_is_refused(owner: User, settings: Any) -> None:
    with dumps.connect(dumps.ours()) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('gateway backup'))")
        with pytest.raises(CommandError, match="Another backup"):
            run("backup")
    assert files(settings) == []


def test_a_dump_that_fails_leaves_nothing_that_looks_like_a_backup(owner: User, settings: Any) -> None:
    with (
        pytest.raises(dumps.ToolFailed, match="invalid snapshot identifier"),
        dumps.dump(dumps.ours(), snapshot="nonsense") as stream,
    ):
        assert stream.read() == b""
    settings.BACKUP_KEY = "too short"
    with pytest.raises(CommandError, match="32 bytes"):
        run("backup")
    assert files(settings) == []


@pytest.mark.parametrize(("setting", "message"), [("BACKUP_DIR", "BACKUP_DIR"), ("BACKUP_KEY", "BACKUP_KEY")])
def test_without_its_settings_there_is_no_backup(owner: User, settings: Any, setting: str, message: str) -> None:
    setattr(settings, setting, "")
    with pytest.raises(CommandError, match=message):
        run("backup")


def test_a_key_that_is_none_is_found_at_the_start(settings: Any) -> None:
    assert check_backups() == []
    settings.BACKUP_KEY = "no key"
    (error,) = check_backups()
    assert error.id == "kernel.E002"
    settings.BACKUP_DIR = ""
    assert check_backups() == []


def test_old_backups_go_but_never_the_last_one(owner: User, settings: Any) -> None:
    folder = Path(settings.BACKUP_DIR)
    names = [backup.make(folder, now=NOW - timedelta(days=days)).name for days in (40, 20, 15, 3)]
    assert backup.prune(folder, now=NOW, days=14) == names[:3]
    assert [path.name for path in files(settings)] == [f"{names[3]}.dump.sealed", f"{names[3]}.json"]
    assert backup.prune(folder, now=NOW + timedelta(days=400), days=14) == []


def test_an_unfinished_backup_is_none(owner: User, settings: Any) -> None:
    run("backup")
    (Path(settings.BACKUP_DIR) / "gateway-20990101T000000Z.dump.sealed").touch()
    assert "2099" not in run("restore", "--list")
    with pytest.raises(CommandError, match="No backup gateway-2099"):
        run("restore", "gateway-20990101T000000Z")


def test_a_copy_goes_to_the_bucket_and_comes_back_from_there(owner: User, fresh: str, settings: Any) -> None:
    with store.running() as (settings.BACKUP_S3_URL, objects):
        objects |= {f"backups/nightly/gateway-20200101T000000Z{end}": b"" for end in (".json", ".dump.sealed")}
        name = run("backup").partition(":")[0]
        assert set(objects) == {f"backups/nightly/{name}.dump.sealed", f"backups/nightly/{name}.json"}
        for path in files(settings):
            path.unlink()
        assert run("restore", "--list", "--from-bucket") == name
        assert run("restore", "--from-bucket", "--into", fresh).startswith(f"Restored {name}")


def test_a_truncated_stream_is_unsealable_not_short(owner: User, settings: Any, tmp_path: Path) -> None:
    run("backup")
    (tmp_path / "cut").write_bytes(files(settings)[0].read_bytes()[:5000])
    with (tmp_path / "cut").open("rb") as file, pytest.raises(Unsealable):
        list(unseal(file, backup.keys()))
