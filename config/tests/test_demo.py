"""`manage.py demo` from an empty folder to its closing table: servers, processes, orders, signed webhooks, retries."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.demo.addresses import free_ports
from config.lib.devservices import Services
from config.lib.devservices.processes import until
from config.lib.environment import CHECKOUT


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="gw-"))
    path.chmod(0o755)
    yield path
    services = Services(path)
    services.down()
    for place in {path, services.home.path}:
        shutil.rmtree(place, ignore_errors=True)


def start_demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    bare = {"PATH": os.environ["PATH"], "DEVSERVICES_DIR": str(folder), "PORT": str(free_ports(18_000, 3)[0])}
    command = [sys.executable, str(CHECKOUT / "manage.py"), "demo", *arguments]
    return subprocess.Popen(command, env=bare, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def processes_of(folder: Path) -> list[str]:
    """Whatever was started with this folder in its environment and still lives."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"DEVSERVICES_DIR={folder}".encode() in environment and command:
            found.append(command)
    return found


def figure(name: str, text: str) -> int:
    found = re.search(rf"^  {name} +(\d+)", text, re.MULTILINE)
    assert found, text
    return int(found[1])


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for what is left through /proc")
def test_the_demo_does_the_main_job_and_a_signal_ends_all_of_it(folder: Path) -> None:
    demo = start_demo(folder, "--orders", "75")
    assert demo.stdout is not None
    told = ""
    for line in demo.stdout:
        told += line
        if "Ctrl-C" in line:
            break
    demo.send_signal(signal.SIGTERM)
    assert demo.wait() == 0, told
    demo.stdout.close()
    assert (figure("Orders created", told), figure("Orders refused", told)) == (72, 3)
    assert (figure("Events", told), figure("Deliveries", told)) == (73, 146)
    assert figure("Attempts", told) == figure("Signatures verified", told) == 146 + figure("Retries", told)
    assert "X-API-Secret  sk_" in told
    assert until(lambda: not processes_of(folder), seconds=5), processes_of(folder)
    assert not any(state.running for state in Services(folder).states())


def test_the_demo_is_refused_outside_of_development(folder: Path) -> None:
    facts = {"DEBUG": "0", "SECRET_KEY": "x" * 50, "FIELD_ENCRYPTION_KEYS": "x" * 43 + "="}
    urls = {"DATABASE_URL": "postgres://nowhere/x", "REDIS_URL": "redis://nowhere/0"}
    bare = {"PATH": os.environ["PATH"], "DEVSERVICES_DIR": str(folder)} | facts | urls
    command = [sys.executable, str(CHECKOUT / "manage.py"), "demo"]
    result = subprocess.run(command, check=False, env=bare, capture_output=True, text=True)
    assert result.returncode == 1
    assert "it runs with DEBUG=1 only" in result.stderr
    assert list(folder.iterdir()) == []
