"""A record's page: what it is, what is known of it, and what hangs together with it, as panels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

from django.db import models
from django.http import HttpRequest

from config.lib import exact_json
from config.lib.console.marks import NOTHING


class Fact(NamedTuple):
    label: str
    value: object
    hint: str = ""


@dataclass(frozen=True)
class Panel:
    """A titled part of a page, drawn by `template` from `context`; `note` says what it tells and what it leaves out."""

    title: str
    template: str
    context: Mapping[str, Any]
    note: str = ""
    link: tuple[str, str] | None = None  # (address, text)
    wide: bool = True


PanelMaker = Callable[[HttpRequest, Any], Panel | list[Panel] | None]


@dataclass(frozen=True)
class Record:
    """The head of a record's page."""

    title: str
    badge: object = ""
    sentence: str = ""  # what is going on with it, in words
    facts: Sequence[Fact] = ()
    refresh: int = 0  # seconds after which the page is read again; 0 for one that stands still


def arranged(panels: Iterable[Panel]) -> list[Panel]:
    """Two narrow panels share a row; the last of an odd number of them has it to itself, and leaves no hole."""
    placed: list[Panel] = []
    for is_wide, group in groupby(panels, key=lambda panel: panel.wide):
        neighbours = list(group)
        if not is_wide and len(neighbours) % 2:
            neighbours[-1] = replace(neighbours[-1], wide=True)
        placed += neighbours
    return placed


def facts(title: str, *rows: Fact, note: str = "", wide: bool = False) -> Panel:
    return Panel(title, "console/panels/facts.html", {"facts": rows}, note=note, wide=wide)


def table(
    title: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    empty: str,
    note: str = "",
    link: tuple[str, str] | None = None,
    wide: bool = True,
) -> Panel:
    """Rows of cells; cells of safe HTML are shown as they are. `empty` is said where there are none."""
    cells = [
        [(header, NOTHING if cell is None else cell) for header, cell in zip(headers, row, strict=True)] for row in rows
    ]
    context = {"headers": headers, "rows": cells, "empty": empty}
    return Panel(title, "console/panels/table.html", context, note=note, link=link, wide=wide)


def source(title: str, value: Any, *, note: str = "", empty: str = "Nothing", wide: bool = True) -> Panel:
    """JSON or text, as it is."""
    return Panel(title, "console/panels/source.html", {"text": pretty(value), "empty": empty}, note=note, wide=wide)


def pretty(value: Any) -> str:
    """JSON, indented; exact figures stay exact. Text that is JSON is indented too."""
    if value is None:
        return ""
    if isinstance(value, str):
        try:
            value = exact_json.loads(value)
        except ValueError:
            return str(value)
    return _indented(value)


def _indented(value: Any, indent: str = "") -> str:
    deeper = indent + "  "
    if isinstance(value, Mapping) and value:
        lines = [f"{deeper}{_text(str(key))}: {_indented(item, deeper)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        lines = [f"{deeper}{_indented(item, deeper)}" for item in value]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    return _text(value)


def _text(value: Any) -> str:
    return exact_json.dumps(value).decode()


class Moment(NamedTuple):
    """A point of a timeline."""

    title: object
    at: object
    tone: str
    by: object = ""
    text: object = ""


def timeline(title: str, moments: Sequence[Moment], *, note: str = "") -> Panel:
    return Panel(title, "console/panels/timeline.html", {"moments": moments}, note=note, wide=False)


def user_names(ids: Sequence[int | None], users: models.Manager[Any]) -> dict[int, str]:
    """Names of users by id, in one query."""
    wanted = {pk for pk in ids if pk is not None}
    return dict(users.filter(pk__in=wanted).values_list("pk", "username")) if wanted else {}
