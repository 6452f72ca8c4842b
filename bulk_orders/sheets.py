"""Orders as lines of a sheet: one order with one item a line, and up to three nominees. Pure.

What a line says is not judged here: a cell that makes no sense stays as it is, and the rulebook says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

ITEM: Final = (
    *("productId", "schemeName", "transactionType", "amount", "units", "orderType"),
    *("sourceSchemeId", "sourceSchemeName", "settlementAccount"),
)
MODE: Final = ("mode", "email", "phoneNumber", "physicalAddress", "euin")
NOMINEE: Final = (
    *("Name", "Relationship", "DateOfBirth", "Pan", "Percentage"),
    *("GuardianName", "GuardianPan", "GuardianRelationship"),
)
NOMINEES: Final = (1, 2, 3)
COLUMNS: Final = (
    *("clientRef", *ITEM, "branchCode", *MODE, "optOutOfNomination"),
    *(f"nominee{k}{name}" for k in NOMINEES for name in NOMINEE),
)
ADDED: Final = ("index", "error")  # what a download of failed rows adds, and an upload ignores
TRUTH: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class InvalidHeader(ValueError):
    """The first line of the sheet names columns that are unknown, or one of them twice."""


def checked_header(names: Sequence[str]) -> list[str]:
    """The columns, in any order; raises `InvalidHeader`, naming what is wrong."""
    header = [name.strip() for name in names]
    unknown = [name or "(blank)" for name in header if name not in COLUMNS and name not in ADDED]
    if unknown:
        raise InvalidHeader(f"Unknown columns: {', '.join(unknown)}")
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise InvalidHeader(f"Columns given twice: {', '.join(sorted(twice))}")
    return header


def form_of(line: Mapping[str, str]) -> dict[str, Any]:
    """OrderFormData of one line. Blank cells are absent values."""
    cells = {name: unguarded(text.strip()) for name, text in line.items() if text.strip()}
    opted_out = cells.get("optOutOfNomination", "false")
    nominees = [_of(cells, NOMINEE, f"nominee{k}") for k in NOMINEES]
    return _of(cells, ("clientRef", "branchCode")) | {
        "cartItems": [item] if (item := _of(cells, ITEM)) else [],
        "transactionMode": _of(cells, MODE) or None,
        "nominees": [nominee for nominee in nominees if nominee],
        "optOutOfNomination": TRUTH.get(opted_out.lower(), opted_out),
    }


def line_of(form: Any) -> list[str]:
    """The cells of a form, in the order of `COLUMNS`, as far as a line can hold it."""
    form = form if isinstance(form, dict) else {}
    cells = _named(form, ("clientRef", "branchCode", "optOutOfNomination"))
    cells |= _named(_first(form.get("cartItems"), 0), ITEM) | _named(form.get("transactionMode"), MODE)
    for k in NOMINEES:
        cells |= _named(_first(form.get("nominees"), k - 1), NOMINEE, f"nominee{k}")
    return [guarded(text_of(cells.get(name))) for name in COLUMNS]


def surplus(form: Any) -> str:
    """What of a form a line has no room for, in words; empty if it all fits."""
    form = form if isinstance(form, dict) else {}
    rooms = {"cartItems": (1, "cart items"), "nominees": (len(NOMINEES), "nominees")}
    counted = {name: len(form[name]) for name in rooms if isinstance(form.get(name), list)}
    return " and ".join(f"{count} {rooms[name][1]}" for name, count in counted.items() if count > rooms[name][0])


def text_of(value: Any) -> str:
    """A cell's value as text: figures with the digits that are shown, days as ISO dates."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return format(Decimal(repr(value)), "f").removesuffix(".0") if value == value else ""
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
    return str(value)


def guarded(text: str) -> str:
    """A spreadsheet takes what starts with one of these for a formula, unless an apostrophe stands before it."""
    return f"'{text}" if text.lstrip("'").startswith(FORMULA) else text


def unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text


def _key(name: str) -> str:
    return name[0].lower() + name[1:]


def _of(cells: Mapping[str, str], names: Iterable[str], prefix: str = "") -> dict[str, Any]:
    return {_key(name): cells[prefix + name] for name in names if prefix + name in cells}


def _named(form: Any, names: Iterable[str], prefix: str = "") -> dict[str, Any]:
    return {prefix + name: form.get(_key(name)) for name in names} if isinstance(form, dict) else {}


def _first(forms: Any, at: int) -> Any:
    return forms[at] if isinstance(forms, list) and len(forms) > at else None
