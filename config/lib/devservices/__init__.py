"""A real PostgreSQL and a real Valkey for a machine that has neither: demo, development and tests.

Entry points call ensure() before Django reads its settings. Where DATABASE_URL and REDIS_URL are both set,
nothing here starts, looks or writes.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config.lib.devservices.home import Home
from config.lib.devservices.supervisor import Services
from config.lib.environment import CHECKOUT, development

__all__ = ["Services", "borrowed", "ensure", "folder", "in_use", "throwaway"]

VARIABLES = ("DATABASE_URL", "REDIS_URL")


def folder(*, for_tests: bool = False) -> Path:
    """Where the servers keep their data: DEVSERVICES_DIR, else .devservices in the checkout."""
    base = Path(os.environ.get("DEVSERVICES_DIR") or CHECKOUT / ".devservices").absolute()
    return base / "test" if for_tests else base


def absent_urls() -> list[str]:
    """Which of the two are not set. Outside of development that is an error, never a silent local database."""
    absent = [name for name in VARIABLES if not os.environ.get(name)]
    if absent and not development():
        raise ImproperlyConfigured(
            f"{' and '.join(absent)} must be set. (With DEBUG=1 an embedded server is started in its place.)"
        )
    return absent


def ensure() -> None:
    """Put DATABASE_URL and REDIS_URL into the environment, starting the embedded server of each that is missing."""
    if absent := absent_urls():
        os.environ.update(Services(folder()).up(absent))


def in_use() -> Services | None:
    """The embedded servers, if a URL of this process leads to one of them."""
    if not Home.find(folder()).path.exists():
        return None
    services = Services(folder())
    return services if any(os.environ.get(name) == url for name, url in services.env().items()) else None


@contextmanager
def borrowed(*, for_tests: bool = False) -> Iterator[None]:
    """ensure() for the length of a block: the last of several borrowers to leave stops the servers."""
    absent = absent_urls()
    if not absent:
        yield
        return
    services = Services(folder(for_tests=for_tests), durable=not for_tests)
    with services.used():
        os.environ.update(services.up(absent))
        yield


@contextmanager
def throwaway() -> Iterator[None]:
    """A durable pair for a block, in a folder that goes with it, whatever the environment says: for runs that fill,
    kill and flush. What the environment leads to is never touched, and development's defaults hold.
    """
    parent = tempfile.mkdtemp(prefix="gateway-")
    Path(parent).chmod(0o755)  # the servers' account must be able to enter, if we are root
    os.environ |= {"DEVSERVICES_DIR": f"{parent}/s", "DEBUG": "1"}
    services = Services(folder())
    try:
        with services.used():
            os.environ |= services.up()
            yield
    finally:
        for path in (services.home.path, parent):
            shutil.rmtree(path, ignore_errors=True)
