"""Real servers in folders of their own: started, killed in every way we know, and found again."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.lib import devservices
from config.lib.devservices import Services, processes
from config.lib.devservices.home import Account, Home, account_for
from config.lib.devservices.valkey import Valkey
from config.lib.environment import CHECKOUT
from config.lib.tests.outside import bare

MANAGE = [sys.executable, str(CHECKOUT / "manage.py"), "devservices"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path (sockets have little room) that any account may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="gw-"))
    path.chmod(0o755)
    yield path
    clear(path)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """The data of a server that has run and was stopped: a second's work, which need not be every test's."""
    path = Path(tempfile.mkdtemp(prefix="gw-"))
    path.chmod(0o755)
    with Services(path, durable=False).used():
        Services(path, durable=False).up()
    yield path / "postgres"
    clear(path)


@pytest.fixture
def services(folder: Path, cluster: Path) -> Services:
    subprocess.run(["cp", "--archive", cluster, folder], check=True)
    found = Services(folder, durable=True)
    found.up()
    return found


def clear(path: Path) -> None:
    found = Services(path, durable=False)
    found.down()
    for place in {path, found.home.path, found.postgres.socket_folder}:
        shutil.rmtree(place, ignore_errors=True)


def manage(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = bare(DEVSERVICES_DIR=str(folder), **environment)
    return subprocess.run([*MANAGE, *arguments], check=False, env=given, capture_output=True, text=True, timeout=90)


def write_something(services: Services) -> None:
    with psycopg.connect(services.postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with redis.Redis.from_url(services.valkey.url()) as client:
        client.set("kept", "42")


def read_it_back(services: Services) -> tuple[object, object]:
    with psycopg.connect(services.postgres.url()) as connection, redis.Redis.from_url(services.valkey.url()) as client:
        row = connection.execute("SELECT answer FROM kept").fetchone()
        return row and row[0], client.get("kept")


def kill(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_up_status_env_and_down_work_without_settings_or_database(folder: Path) -> None:
    assert manage("status", folder=folder).returncode == 1
    assert manage("env", folder=folder).returncode == 1

    assert manage("up", folder=folder).returncode == 0
    status = manage("status", folder=folder)
    assert status.returncode == 0
    assert [line.split()[:2] for line in status.stdout.splitlines()] == [["postgres", "running"], ["valkey", "running"]]

    urls = dict(line.split("=", 1) for line in manage("env", folder=folder).stdout.splitlines())
    with psycopg.connect(urls["DATABASE_URL"]) as connection:
        assert connection.info.dbname == "gateway"
    with redis.Redis.from_url(urls["REDIS_URL"]) as client:
        assert client.ping()
    assert urls["REDIS_URL"].split("@")[0] not in status.stdout, "status is shown to people, so no password"

    assert manage("down", folder=folder).returncode == 0
    assert manage("status", folder=folder).returncode == 1
    assert manage("down", folder=folder).returncode == 0


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_leaves_early_gets_no_traceback(folder: Path, unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = bare(DEVSERVICES_DIR=str(folder), PYTHONUNBUFFERED=unbuffered)
    status = subprocess.run([*MANAGE, "status"], check=False, env=environment, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (status.returncode, status.stderr) == (1, b"CommandError: Not everything is running.\n")


def test_up_again_changes_nothing(services: Services) -> None:
    before, urls = services.states(), services.env()
    assert services.up() == urls
    assert services.states() == before


def test_eight_at_once_start_one_pair(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: manage("up", folder=folder), range(8)))
    assert [result.returncode for result in results] == [0] * 8, [result.stderr for result in results]
    assert len({result.stdout for result in results}) == 1
    assert len(Services(folder).valkey.pids()) == 1


def test_data_addresses_and_password_survive_down_and_up(services: Services) -> None:
    write_something(services)
    urls = services.env()
    services.down()
    assert not services.postgres.pids()
    assert not services.valkey.pids()
    assert services.up() == urls
    assert read_it_back(services) == (42, b"42")


def test_only_a_private_socket_and_a_password_lead_in(services: Services) -> None:
    port = services.valkey.address().rpartition(":")[2].removesuffix("/0")
    with pytest.raises(redis.AuthenticationError), redis.Redis(port=int(port), retry=Retry(NoBackoff(), 0)) as stranger:
        stranger.ping()
    assert services.valkey.configuration.stat().st_mode & 0o777 == 0o600
    assert services.postgres.socket_folder.stat().st_mode & 0o777 == 0o700
    with psycopg.connect(services.postgres.url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    with redis.Redis.from_url(services.valkey.url()) as client:
        names = ("appendonly", "save", "maxmemory-policy", "bind")
        assert [client.config_get(name)[name] for name in names] == ["yes", "", "noeviction", "127.0.0.1"]


def test_the_servers_of_tests_save_themselves_the_disk(folder: Path) -> None:
    found = Services(folder, durable=False)
    found.up()
    with psycopg.connect(found.postgres.url()) as connection:
        names = ("fsync", "synchronous_commit", "full_page_writes")
        assert [connection.execute(f"SHOW {name}").fetchone() for name in names] == [("off",)] * 3


def test_starts_again_after_sigkill_of_every_postgres(services: Services) -> None:
    write_something(services)
    kill(services.postgres.pids())
    services.up()
    assert read_it_back(services) == (42, b"42")


def test_starts_again_while_orphans_of_a_killed_postmaster_still_live(services: Services) -> None:
    postmaster = int((services.postgres.data / "postmaster.pid").read_text().split()[0])
    assert services.postgres.pid() == postmaster
    kill([postmaster])
    assert processes.until(lambda: services.postgres.pid() is None, seconds=5), "an orphan is not the server"
    services.up()
    assert postmaster not in services.postgres.pids()
    assert services.postgres.answers()


def test_starts_again_after_sigkill_of_valkey(services: Services) -> None:
    write_something(services)
    url = services.valkey.url()
    kill(services.valkey.pids())
    assert services.up()["REDIS_URL"] == url
    assert read_it_back(services) == (42, b"42")


def test_a_pid_file_that_names_another_process_blocks_nothing(services: Services) -> None:
    lock = services.postgres.socket_folder / ".s.PGSQL.5432.lock"
    pid_file, lines = services.postgres.data / "postmaster.pid", lock.read_text().splitlines()
    services.down()
    stale = "\n".join([str(os.getpid()), *lines[1:], ""])
    for path in (pid_file, lock):
        path.write_text(stale)
        os.chown(path, services.home.account.uid, services.home.account.gid)
    services.up()
    assert services.postgres.answers()


def test_starts_again_when_the_supervisor_was_killed_during_initdb(folder: Path) -> None:
    victim = subprocess.Popen([*MANAGE, "up"], env=bare(DEVSERVICES_DIR=str(folder)), stdout=subprocess.DEVNULL)
    assert processes.until((folder / "postgres.new/base").exists, seconds=30)
    victim.kill()
    victim.wait()
    assert Services(folder).up()
    assert not (folder / "postgres.new").exists()


def test_takes_another_port_when_its_own_is_gone(services: Services) -> None:
    services.valkey.stop()
    port = int(services.valkey.address().rpartition(":")[2].removesuffix("/0"))
    with socket.create_server(("127.0.0.1", port)):
        services.up()
        assert services.valkey.answers()
        assert services.valkey.address() != f"redis://127.0.0.1:{port}/0"


def test_works_below_a_folder_that_is_closed_to_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    wished = closed / "a 'name' with \"quotes\""
    try:
        assert manage("up", folder=wished).returncode == 0
        found = Services(wished)
        assert all(state.running for state in found.states())
        assert closed.stat().st_mode & 0o777 == 0o700
        if os.geteuid() == 0:
            assert found.home.path.parent == Path("/var/lib")
            assert not wished.exists()
    finally:
        clear(wished)


def test_works_at_the_end_of_a_path_too_long_for_a_socket(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    try:
        assert Services(deep, durable=False).up()
    finally:
        clear(deep)


def python_for(account: Account) -> str | None:
    """An interpreter of our version that the account may run; root's own is often below /root."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [Path(sys.executable).resolve(), Path("/usr/bin") / version, Path("/usr/local/bin") / version]
    return next((str(path) for path in candidates if account.can_enter(path)), None)


@pytest.mark.skipif(os.geteuid() != 0, reason="the whole file runs as a plain user already")
def test_works_as_a_plain_user(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    account = Account(nobody.pw_uid, nobody.pw_gid)
    python = python_for(account)
    if python is None or not account.can_enter(CHECKOUT):
        pytest.skip("Python or the checkout is below a folder that is closed to others")
    own = account.make_folder(folder / "own")
    given = {  # without what tells of being measured: this account may not write where that is noted
        "PATH": os.environ["PATH"],
        "DEVSERVICES_DIR": str(own),
        "PYTHONPATH": str(Path(psycopg.__file__).parents[1]),
    }
    command, whom = [python, *MANAGE[1:], "up"], account.as_subprocess()
    result = subprocess.run(command, check=False, env=given, capture_output=True, text=True, **whom)
    try:
        assert (result.returncode, result.stderr) == (0, "")
        assert Home.find(own).account == account
        assert {path.stat().st_uid for path in own.rglob("*")} == {account.uid}
    finally:
        clear(own)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another account")
def test_root_hands_over_to_the_owner_of_the_data(folder: Path) -> None:
    data = folder / "postgres"
    data.mkdir()
    os.chown(data, pwd.getpwnam("games").pw_uid, -1)
    assert account_for(data, folder).uid == pwd.getpwnam("games").pw_uid
    os.chown(data, 54321, -1)
    assert account_for(data).uid == pwd.getpwnam("nobody").pw_uid, "initdb wants an account with a name"


def test_ensure_touches_nothing_when_both_urls_are_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVSERVICES_DIR", str(folder))
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/x")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere/0")
    devservices.ensure()
    with devservices.borrowed():
        assert os.environ["DATABASE_URL"] == "postgres://elsewhere/x"
    assert list(folder.iterdir()) == []


def test_ensure_embeds_only_what_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVSERVICES_DIR", str(folder))
    monkeypatch.setenv("DEBUG", "1")
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/x")
    monkeypatch.delenv("REDIS_URL")
    devservices.ensure()
    assert os.environ["DATABASE_URL"] == "postgres://elsewhere/x"
    assert os.environ["REDIS_URL"] == Services(folder).valkey.url()
    assert not (folder / "postgres").exists()


def test_in_use_tells_our_servers_from_others(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVSERVICES_DIR", str(folder))
    assert devservices.in_use() is None
    monkeypatch.setenv("DATABASE_URL", services.postgres.url())
    assert devservices.in_use() is not None
    monkeypatch.setenv("DEVSERVICES_DIR", str(folder / "nothing here"))
    assert devservices.in_use() is None


def test_ensure_refuses_to_embed_when_debug_is_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVSERVICES_DIR", str(folder))
    monkeypatch.setenv("DEBUG", "0")
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must be set"):
        devservices.ensure()
    assert list(folder.iterdir()) == []


def test_the_last_of_two_borrowers_stops_the_servers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVSERVICES_DIR", str(folder))
    for name in devservices.VARIABLES:
        monkeypatch.delenv(name)
    found = Services(folder, durable=False)
    with found.used():
        with devservices.borrowed():
            assert found.valkey.answers()
        assert found.valkey.answers(), "the first to leave leaves the servers to the other"
    assert not found.valkey.pids()
    assert not found.postgres.pids()


def fail(urls: dict[str, str]) -> None:
    assert not urls, "something else goes wrong while the servers are up"


def test_servers_are_stopped_also_when_their_user_fails(folder: Path) -> None:
    found = Services(folder, durable=False)
    with pytest.raises(AssertionError, match="something else"), found.used():
        fail(found.up())
    assert not found.postgres.pids()


def test_a_foreign_server_on_our_port_is_not_ours(folder: Path, services: Services) -> None:
    other = Valkey(Home(folder / "other", services.home.account), services.valkey.program, durable=False)
    other.home.create()
    text = services.valkey.configuration.read_text()
    other.configuration.write_text(text.replace("requirepass ", "requirepass wrong"))
    assert not other.answers()


def test_a_throwaway_pair_is_used_whatever_was_set_and_goes_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "DEVSERVICES_DIR", "DEBUG"):
        monkeypatch.setenv(name, "postgres://somewhere.else/dear")
    with devservices.throwaway():
        services = devservices.in_use()
        assert services is not None
        assert all(state.running for state in services.states())
        assert services.env()["DATABASE_URL"] == os.environ["DATABASE_URL"]
    assert not any(state.running for state in services.states())
    assert not services.home.path.exists()
