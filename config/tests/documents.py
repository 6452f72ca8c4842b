"""A reader who does what a document says: copies each block, with the ids that the block before has shown."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from config.lib.devservices.processes import until
from config.lib.environment import CHECKOUT

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
# `BATCH-…` stands for the one that was shown last.
_SHOWN = re.compile(
    r"\b(?:BATCH-\d{8}-\w{8}|MO-\d{8}-[0-9A-Z]+|sk_[0-9A-Za-z]{49}|whsec_[A-Za-z0-9+/]+=*"
    r"|(?:ak|int|wh|del|evt)_\d{13}_[0-9a-f]{16,32})"
)
_FILE = re.compile(r"^(?:#|//) (\w+\.(?:py|mjs))$", re.MULTILINE)
# Every block begins with what the ones before have set, and fails with the first command that does.
_SCRIPT = """
if [ -f .variables ]; then . ./.variables; fi
set -e -o pipefail
{block}
set +e
kept='BASE|KEY|SECRET|CSRF|AUTH|AS_PERSON|BACKUP_[A-Z0-9_]+'
{{ declare -p | grep -E "^declare -[-ax]+ ($kept)="; declare -f; }} > .variables
"""


@dataclass(frozen=True)
class Block:
    document: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def file_name(self) -> str | None:
        """The name in the first line of a whole program."""
        found = _FILE.match(self.text)
        return found[1] if found else None


def blocks_of(document: str) -> list[Block]:
    text = (CHECKOUT / document).read_text()
    return [
        Block(document, text.count("\n", 0, fence.start()) + 1, fence[2], fence[3].replace(f"\n{fence[1]}", "\n"))
        for fence in _FENCE.finditer(text)
    ]


def shape(value: Any) -> Any:
    """What a program relies on: names and nesting. Texts, figures and null are all one."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value[:1]] if isinstance(value, list) else "…"


def _but_figures(text: str) -> str:
    return re.sub(r"\d+", "0", text).strip()


class Reader:
    """Has a folder, a terminal with `variables`, and others for what runs on. `instead` are this run's addresses."""

    def __init__(
        self, folder: Path, instead: dict[str, str], shown: str = "", variables: dict[str, str] | None = None
    ) -> None:
        self.folder, self.instead, self.variables = folder, instead, variables or {}
        self.last: dict[str, str] = {}
        self.stack = ExitStack()
        self._look(shown)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def follow(
        self, document: str, left_out: dict[str, str], running_on: dict[str, str]
    ) -> Iterator[tuple[Block, str]]:
        """Each command of the document, and what it printed. A program is saved under its name."""
        output = ""
        for block in blocks_of(document):
            if any(start in block.text for start in left_out):
                continue
            if block.file_name:
                (self.folder / block.file_name).write_text(self._as_here(block.text))
            elif block.language == "json" and output:
                assert shape(json.loads(block.text)) == shape(json.loads(output)), f"{block.place}\n{output}"
            elif block.language == "text" and output:
                assert _but_figures(block.text) == _but_figures(output), f"{block.place}\n{output}"
            elif block.language == "bash":
                ready = next((word for program, word in running_on.items() if program in block.text), None)
                output = self.start(block, ready) if ready else self.run(block)
                yield block, output

    def run(self, block: Block) -> str:
        script = _SCRIPT.format(block=self._as_here(block.text))
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ran.returncode == 0, f"{block.place} ended with {ran.returncode}:\n{block.text}\n{ran.stdout}"
        self._look(ran.stdout)
        return ran.stdout

    def start(self, block: Block, ready: str) -> str:
        """In another terminal, until the reader leaves."""
        printed = self.folder / f"{block.line}.txt"
        with printed.open("wb") as output:
            child = subprocess.Popen(
                ["bash", "-c", f"exec env {self._as_here(block.text)}"],
                cwd=self.folder, env=self._environment(), stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.stack.callback(child.wait)
        self.stack.callback(child.terminate)
        assert until(lambda: ready in printed.read_text() or child.poll() is not None, seconds=20), block.place
        assert child.poll() is None, f"{block.place}: {printed.read_text()}"
        return str(printed)

    def _as_here(self, text: str) -> str:
        for there, here in self.instead.items():
            text = text.replace(there, here)
        return re.sub(r"\b(BATCH-|MO-|[a-z]+_)…", lambda found: self.last[found[1]], text)

    def _look(self, output: str) -> None:
        for found in _SHOWN.findall(output):
            self.last[re.sub(r"(?<=[-_]).*", "", found)] = found

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        return {"PATH": path, "HOME": str(self.folder), "NO_PROXY": "*", "TZ": "UTC"} | self.variables


def missing_tools(*names: str) -> list[str]:
    return [name for name in names if shutil.which(name) is None]
