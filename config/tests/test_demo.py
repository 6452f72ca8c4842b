"""`manage.py demo` from an empty folder to its closing table: servers, processes, orders, signed webhooks, retries."""

import os
import re
import subprocess
from pathlib import Path

from config.tests.demo import COMMAND, Demo


def figure(name: str, text: str) -> int:
    found = re.search(rf"^  {name} +(\d+)", text, re.MULTILINE)
    assert found, text
    return int(found[1])


def test_the_demo_does_the_main_job(demo: Demo) -> None:
    """That a signal ends all of it is seen to where it is ended: see `config.tests.demo`."""
    told = demo.told
    assert (figure("Orders created", told), figure("Orders refused", told)) == (72, 3)
    assert (figure("Events", told), figure("Deliveries", told)) == (73, 146)
    assert figure("Attempts", told) == figure("Signatures verified", told) == 146 + figure("Retries", told)
    assert "X-API-Secret  sk_" in told


def test_the_demo_is_refused_outside_of_development(tmp_path: Path) -> None:
    facts = {"DEBUG": "0", "SECRET_KEY": "x" * 50, "FIELD_ENCRYPTION_KEYS": "x" * 43 + "="}
    urls = {"DATABASE_URL": "postgres://nowhere/x", "REDIS_URL": "redis://nowhere/0"}
    bare = {"PATH": os.environ["PATH"], "DEVSERVICES_DIR": str(tmp_path)} | facts | urls
    result = subprocess.run(COMMAND, check=False, env=bare, capture_output=True, text=True)
    assert result.returncode == 1
    assert "it runs with DEBUG=1 only" in result.stderr
    assert list(tmp_path.iterdir()) == []
