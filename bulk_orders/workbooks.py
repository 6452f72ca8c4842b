"""Workbooks (XLSX): their first sheet, row by row, as the text that people see in its cells. Pure.

ECMA-376, part 1, section 18. Memory does not grow with the sheet, and its table of texts goes to a temporary file.
"""

import mmap
import posixpath
import re
from array import array
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from math import isfinite
from tempfile import TemporaryFile
from typing import IO, Any, Final

from bulk_orders.packages import Attributes, InvalidPackage, Package, PackageTooLarge, opened

Row = tuple[int, list[str]]

# A sheet's own bounds, but for the columns: nobody's orders have so many.
MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 200
MAX_CELL_CHARACTERS: Final = 32_767
MAX_TEXTS: Final = 5_000_000  # a hundred thousand lines have fewer cells
# Built-in formats that show days or percentages, and what of any other is not shown for a figure's sake.
DAYS: Final = frozenset({14, 15, 16, 17, 22, *range(27, 32), 34, 35, 36, *range(50, 59)})
PERCENTAGES: Final = frozenset({9, 10})
UNSHOWN: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^]]*\]|general|standard', re.IGNORECASE)
ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
TRUTH: Final = {"1": "true", "true": "true", "0": "false", "false": "false"}


class InvalidCell(InvalidPackage):
    """What a cell holds has no text."""


class InvalidRow(InvalidPackage):
    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


def read_rows(file: IO[bytes]) -> Iterator[Row]:
    """The rows that the first sheet holds, with their numbers. Raises `InvalidPackage`, `InvalidRow` among them."""
    with opened(file) as package:
        book = Book(package)
        sheet = Sheet(book)
        try:
            for _ in package.parse(book.sheet, sheet.start, end=sheet.end, text=sheet.text):
                yield from sheet.rows
                sheet.rows.clear()
        except InvalidCell as error:
            raise InvalidRow(sheet.number, str(error)) from None


class Book:
    """What a sheet's cells refer to: texts, formats, and the day from which days are counted."""

    def __init__(self, package: Package) -> None:
        path = _first(_related(package, "", "officeDocument"))
        elements = package.elements(path)
        sheets = _related(package, path, "worksheet")
        keys = [_unprefixed(attributes, "id") for name, attributes in elements if name == "sheet"]
        self.sheet = next((sheets[key] for key in keys if key in sheets), "")
        if not self.sheet:
            raise InvalidPackage("it has no sheet")
        since_1904 = any(a.get("date1904") in ("1", "true") for name, a in elements if name == "workbookPr")
        self.epoch = date(1904, 1, 1) if since_1904 else date(1899, 12, 30)
        self.formats = _formats(package, _first(_related(package, path, "styles")))
        self.texts = Texts(package, _first(_related(package, path, "sharedStrings")))


class Pieces:
    """The text of one cell as it comes, in pieces; how it is pronounced (`rPh`) may stand beside it."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._keeping = self._aside = False

    def start(self, name: str, _: Attributes) -> None:
        if name == "v" or name == "t":
            self._keeping = not self._aside
        elif name == "rPh":
            self._aside = True

    def end(self, name: str) -> None:
        if name == "v" or name == "t":
            self._keeping = False
        elif name == "rPh":
            self._aside = False

    def text(self, text: str) -> None:
        if self._keeping and self._length <= MAX_CELL_CHARACTERS:  # what is longer is refused by who takes it
            self._length += len(text)
            self._pieces.append(text)

    def taken(self) -> str:
        text = "".join(self._pieces)
        self._pieces.clear()
        if self._length > MAX_CELL_CHARACTERS:
            raise InvalidCell(f"has a cell of more than {MAX_CELL_CHARACTERS:,} characters")
        self._length = 0
        return ESCAPED.sub(_unescaped, text) if "_x" in text else text


class Texts:
    """The workbook's texts by number; hundreds of thousands are usual."""

    def __init__(self, package: Package, path: str) -> None:
        self._ends = array("Q", [0])
        self._bytes: Any = b""
        if path:
            with TemporaryFile() as file:
                self._fill(package, path, file)

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self._ends) - 1:
            raise InvalidCell(f"refers to text {number}, which is not there")
        return str(self._bytes[self._ends[number] : self._ends[number + 1]], "utf-8", "surrogatepass")

    def _fill(self, package: Package, path: str, file: IO[bytes]) -> None:
        pieces = Pieces()

        def end(name: str) -> None:
            pieces.end(name)
            if name == "si":
                text = pieces.taken().encode("utf-8", "surrogatepass")
                file.write(text)
                self._ends.append(self._ends[-1] + len(text))

        for _ in package.parse(path, pieces.start, end=end, text=pieces.text):
            if len(self._ends) > MAX_TEXTS:
                raise PackageTooLarge(f"it has more than {MAX_TEXTS:,} texts")
        file.flush()
        if self._ends[-1]:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class Sheet:
    """Handlers of a sheet's tags; `rows` are those completed."""

    def __init__(self, book: Book) -> None:
        self.rows: list[Row] = []
        self.number = 0
        self._book = book
        self._columns = _Columns()
        self._pieces = Pieces()
        self.text = self._pieces.text
        self._cells: list[str] = []
        self._cell: Attributes = {}
        self._column = 0
        self._formula = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            self._cell, self._formula = attributes, False
        elif name == "row":
            self._begin_row(attributes.get("r"))
        elif name == "f":
            self._formula = True
        else:
            self._pieces.start(name, attributes)

    def end(self, name: str) -> None:
        if name == "c":
            self._end_cell(self._cell)
        elif name == "row":
            self.rows.append((self.number, self._cells))
        else:
            self._pieces.end(name)

    def _begin_row(self, place: str | None) -> None:
        before, self.number = self.number, int(place or self.number + 1)
        if not before < self.number <= MAX_ROWS:
            raise InvalidCell(f"stands out of order or beyond {MAX_ROWS:,}")
        self._cells, self._column = [], 0

    def _end_cell(self, cell: Attributes) -> None:
        place = cell.get("r")
        column = self._columns[place.rstrip("0123456789")] if place else self._column
        self._column = column + 1
        if text := self._shown(cell, self._pieces.taken()):
            if not len(self._cells) <= column < MAX_COLUMNS:
                raise InvalidCell(f"has cells out of order or more than {MAX_COLUMNS}")
            self._cells += [""] * (column - len(self._cells))
            self._cells.append(text)

    def _shown(self, cell: Attributes, text: str) -> str:
        kind = cell.get("t", "n")
        if not text:
            if self._formula and kind != "str":
                raise InvalidCell("has a formula without a value: open and save the file in a spreadsheet program")
            return ""
        match kind:
            case "n":
                return _figure(text, self._book.formats.get(cell.get("s", "0"), ""), self._book.epoch)
            case "s":
                return self._book.texts[int(text)]
            case "e":
                raise InvalidCell(f"has a cell with the error {text}")
            case "b":
                return TRUTH.get(text, text)
        return text  # str, inlineStr, and d: a day in ISO 8601


class _Columns(dict[str, int]):
    """Letters to columns, from A, 0."""

    def __missing__(self, letters: str) -> int:
        if not re.fullmatch("[A-Z]{1,3}", letters):
            raise InvalidCell(f"has a cell in column {letters[:20]!r}")
        number = 0
        for letter in letters:
            number = number * 26 + ord(letter) - ord("A") + 1
        return self.setdefault(letters, number - 1)


def _figure(text: str, shows: str, epoch: date) -> str:
    """A figure as it is shown. What is stored is a float: 1.1 may be 1.1000000000000001, 1000 may be 1E3."""
    if not shows and text.isascii() and text.isdigit():
        return text
    try:
        value = float(text)
    except ValueError:
        return text
    if not isfinite(value):
        return text
    if shows == "day" and (day := _day(value, epoch)):
        return day
    return f"{_plain(value * 100)}%" if shows == "percentage" else _plain(value)


def _plain(value: float) -> str:
    """The fifteen digits that spreadsheet programs show at most, without an exponent."""
    return format(Decimal(f"{value:.15g}"), "f")


def _day(value: float, epoch: date) -> str:
    """An ISO date; empty for what is none. Before its invented 29 February 1900, Excel counts from a day later."""
    days = int(value) + (epoch.year == 1899 and 0 < value < 60)
    try:
        return (epoch + timedelta(days)).isoformat() if value > 0 else ""
    except OverflowError:
        return ""


def _related(package: Package, path: str, kind: str) -> dict[str, str]:
    """Paths of the parts that a part (the package itself, if its path is empty) names as of a kind, by relation."""
    folder, name = posixpath.split(path)
    relations = posixpath.join(folder, "_rels", f"{name}.rels")
    found = {}
    for name, attributes in package.elements(relations) if relations in package or not path else []:
        if name == "Relationship" and attributes.get("Type", "").endswith(f"/{kind}"):
            target = posixpath.join("/", folder, attributes.get("Target", ""))
            found[attributes.get("Id", "")] = posixpath.normpath(target).lstrip("/")
    return found


def _first(paths: dict[str, str]) -> str:
    return next(iter(paths.values()), "")


def _formats(package: Package, path: str) -> dict[str, str]:
    """What cells of a style show: `day`, `percentage`, or nothing special."""
    codes: dict[int, str] = {}
    formats: dict[str, str] = {}
    of_cells = False
    for name, attributes in package.elements(path) if path else []:
        if name == "numFmt":
            codes[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
        elif name in ("cellStyleXfs", "cellXfs", "cellStyles"):
            of_cells = name == "cellXfs"
        elif name == "xf" and of_cells:
            number = int(attributes.get("numFmtId", 0))
            formats[str(len(formats))] = _shows(number, codes.get(number, ""))
    return formats


def _shows(number: int, code: str) -> str:
    shown = UNSHOWN.sub("", code).lower()
    if number in DAYS or "d" in shown or "y" in shown:
        return "day"
    return "percentage" if number in PERCENTAGES or "%" in shown else ""


def _unprefixed(attributes: Attributes, name: str) -> str:
    return next((value for key, value in attributes.items() if key.rpartition(":")[2] == name), "")


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))
