"""Nothing is left of a run, however it ends: processes and their own children are real, and are killed for real."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.demo.guard import exists
from config.demo.processes import ProcessEnded, Processes, follow
from config.lib.devservices.processes import until
from config.lib.environment import CHECKOUT

# A leader with a child in its group, as granian and celery have them; each writes its pid.
LEADER = "sh -c 'echo $$ > {name}.child; exec sleep 600' & echo $$ > {name}.leader; exec sleep 600"


@pytest.fixture
def procfile(tmp_path: Path) -> Path:
    path = tmp_path / "Procfile"
    lines = [f"{name}: cd {tmp_path}; {LEADER.format(name=name)}" for name in ("one", "two")]
    path.write_text("\n".join([*lines, f"other: touch {tmp_path}/never"]))
    return path


def started(folder: Path) -> dict[str, int]:
    """The pid of each process by name, once all are there."""
    files = [folder / f"{name}.{role}" for name in ("one", "two") for role in ("leader", "child")]
    assert until(lambda: all(file.exists() and file.read_text().strip() for file in files), seconds=20)
    return {file.name: int(file.read_text()) for file in files}


def gone(pid: int) -> bool:
    """Ended; a zombie that its new parent has not collected yet counts."""
    status = Path(f"/proc/{pid}/stat")
    return not exists(pid) or not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def run(procfile: Path) -> Processes:
    return Processes(["one", "two"], {}, procfile.parent / "log", procfile)


def test_leaving_ends_the_named_processes_and_their_children(procfile: Path) -> None:
    with run(procfile) as processes:
        pids = started(procfile.parent)
        processes.check()
    assert all(map(gone, pids.values()))
    assert not (procfile.parent / "never").exists()


def test_a_killed_process_is_noticed_and_its_orphans_end(procfile: Path) -> None:
    with run(procfile) as processes:
        pids = started(procfile.parent)
        os.kill(pids["one.leader"], signal.SIGKILL)
        assert until(lambda: processes.children["one"].poll() is not None, seconds=10)
        with pytest.raises(ProcessEnded, match=r"one has ended with code -9; see .*one\.log"):
            processes.check()
    assert all(map(gone, pids.values()))


def test_nothing_is_left_when_the_guard_was_killed(procfile: Path) -> None:
    with run(procfile) as processes:
        pids = started(procfile.parent)
        assert processes.guard is not None
        processes.guard.kill()
        assert until(lambda: processes.guard is not None and processes.guard.poll() is not None, seconds=10)
        with pytest.raises(ProcessEnded, match="guard"):
            processes.check()
    assert all(map(gone, pids.values()))


def test_nothing_is_left_when_the_runner_was_killed(procfile: Path) -> None:
    script = (
        "import pathlib, time; from config.demo.processes import Processes\n"
        f"path = pathlib.Path({str(procfile)!r})\n"
        "with Processes(['one', 'two'], {}, path.parent / 'log', path): time.sleep(600)"
    )
    runner = subprocess.Popen([sys.executable, "-c", script], cwd=CHECKOUT)
    pids = started(procfile.parent)
    runner.kill()
    runner.wait()
    assert until(lambda: all(map(gone, pids.values())), seconds=20)


def test_a_process_may_finish_what_it_is_doing(tmp_path: Path) -> None:
    procfile = tmp_path / "Procfile"
    busy = "trap 'sleep 1; echo done > finished; exit' TERM; touch ready; while :; do sleep 0.1; done"
    procfile.write_text(f"busy: cd {tmp_path}; {busy}")
    with Processes(["busy"], {}, tmp_path / "log", procfile):
        assert until((tmp_path / "ready").exists, seconds=10)
    assert (tmp_path / "finished").read_text() == "done\n"


def test_a_process_that_missed_the_signal_is_asked_again(tmp_path: Path) -> None:
    procfile = tmp_path / "Procfile"
    deaf = "trap 'trap \"echo heard > heard; exit\" TERM' TERM; touch ready; while :; do sleep 0.1; done"
    procfile.write_text(f"deaf: cd {tmp_path}; {deaf}")
    with Processes(["deaf"], {}, tmp_path / "log", procfile):
        assert until((tmp_path / "ready").exists, seconds=10)
    assert (tmp_path / "heard").exists()


def test_the_processes_find_their_tools_and_get_their_environment(tmp_path: Path) -> None:
    procfile = tmp_path / "Procfile"
    procfile.write_text('tool: echo "$GREETING $(command -v python)"; exec sleep 600')
    with Processes(["tool"], {"GREETING": "hello"}, tmp_path / "log", procfile) as processes:
        log = processes.log("tool")
        assert until(lambda: log.read_text().endswith("\n"), seconds=10)
        assert log.read_text() == f"hello {Path(sys.executable).parent / 'python'}\n"


def test_following_shows_what_is_new_under_its_name(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("long ago\n")
    lines = follow({"web": log})
    assert next(lines) == ""
    with log.open("a") as file:
        file.write("now\nand again\n")
    assert next(lines) == "web    | now\nweb    | and again"
    lines.close()


def test_the_procfile_names_what_the_demo_runs() -> None:
    processes = Processes(["web", "ws", "worker", "beat"], {}, Path("unused"))
    assert all(" exec " in f" {command}" for command in processes.commands.values()), "signals must reach the process"
