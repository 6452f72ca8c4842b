"""Orders as lines of a sheet: one order with one item a line, and up to three nominees. Pure.

What a line says is not judged here: a cell that makes no sense stays as it is, and the rulebook says so.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from bulk_orders.workbooks import MAX_CELL_CHARACTERS

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
FORM: Final = ("clientRef", "branchCode", "optOutOfNomination", "cartItems", "transactionMode", "nominees")
ADDED: Final = ("index", "error")  # what a download of failed rows adds, and an upload ignores
LISTED, CUT = 10, 50
SEPARATORS: Final = (";", "\t", "|")
TRUTH: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class InvalidHeader(ValueError):
    """The first line of the sheet names columns that are unknown, or one of them twice."""


def checked_header(names: Sequence[str]) -> list[str]:
    """The columns, in any order; raises `InvalidHeader`, naming what is wrong."""
    header = [name.strip() for name in names]
    unknown = [name[:CUT] or "(blank)" for name in header if name not in COLUMNS and name not in ADDED]
    if len(header) == 1 and any(separator in header[0] for separator in SEPARATORS):
        raise InvalidHeader("Columns must be separated by commas")
    if unknown:
        more = f" and {len(unknown) - LISTED} more" if len(unknown) > LISTED else ""
        raise InvalidHeader(f"Unknown columns: {', '.join(unknown[:LISTED])}{more}")
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise InvalidHeader(f"Columns given twice: {', '.join(sorted(twice))}")
    return header


def form_of(line: Mapping[str, str]) -> dict[str, Any]:
    """OrderFormData of one line. Blank cells are absent values."""
    cells = {name: unguarded(text.strip()) for name, text in line.items() if text.strip()}
    opted_out = cells.get("optOutOfNomination", "false")
    for share in [f"nominee{k}Percentage" for k in NOMINEES if f"nominee{k}Percentage" in cells]:
        cells[share] = cells[share].removesuffix("%").rstrip()
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
    items, nominees = form.get("cartItems"), form.get("nominees")
    rooms = ((items, 1, "cart items"), (nominees, len(NOMINEES), "nominees"))
    excess = [
        f"{len(members)} {name}" for members, room, name in rooms if isinstance(members, list) and len(members) > room
    ]
    keys = _unheld(form, FORM, "") + _unheld(form.get("transactionMode"), MODE, "transactionMode.")
    keys += _unheld(_first(items, 0), ("id", *ITEM), "cartItems.")
    for k in NOMINEES:
        keys += _unheld(_first(nominees, k - 1), ("id", *map(_key, NOMINEE)), "nominees.")
    long = [name for name, text in zip(COLUMNS, line_of(form), strict=True) if len(text) > MAX_CELL_CHARACTERS]
    return ", ".join([*excess, *dict.fromkeys(keys), *long])


def text_of(value: Any) -> str:
    """A value as a cell's text: figures with the digits that are shown."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
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


def _unheld(form: Any, held: Collection[str], prefix: str) -> list[str]:
    """Keys that say something and have no column."""
    said = form.items() if isinstance(form, dict) else ()
    unheld = [(name, value) for name, value in said if name not in held]
    # 0 says something, and equals False.
    return [prefix + name[:CUT] for name, value in unheld if value is not False and value not in (None, "", [], {})]


def _first(forms: Any, at: int) -> Any:
    return forms[at] if isinstance(forms, list) and len(forms) > at else None
