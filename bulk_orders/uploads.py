"""Files of orders, read row by row: CSV, JSONL and XLSX. What cannot be parsed is told with its line and reason."""

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain, islice
from pathlib import PurePath
from typing import IO, Any, Final, TypeAlias

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework.parsers import MultiPartParser

from bulk_orders.packages import InvalidPackage, PackageTooLarge
from bulk_orders.places import Places
from bulk_orders.sheets import ADDED, InvalidHeader, checked_header, form_of
from bulk_orders.workbooks import MAX_COLUMNS, MAX_ROWS, InvalidRow, read_rows
from config.lib import exact_json
from config.lib.errors import BadRequest, TooLarge, Unavailable

MAX_LINE_BYTES: Final = 1024 * 1024
ZIP_SIGNATURE: Final = b"PK\x03\x04"
OLE_SIGNATURE: Final = b"\xd0\xcf\x11\xe0"
# A large file takes a connection and the processor for many seconds; one of this size is read like any request.
PLACES: Final = Places(per_caller=2, per_process=4)
SMALL_BYTES: Final = 1024 * 1024


Upload: TypeAlias = "UploadedFile[Any]"


class Busy(Unavailable):
    """Every place is taken, or all that one caller may have."""

    def __init__(self) -> None:
        message = "Too many uploads are being read; try again shortly"
        super().__init__(message, code="busy", headers={"Retry-After": "10"})


class UnreadableFile(BadRequest):
    def __init__(self, reason: str, line: int | None = None) -> None:
        message = f"Line {line}: {reason}" if line else reason
        details = [{"path": f"/file/{line}" if line else "/file", "code": "unreadable_file", "message": reason}]
        super().__init__(message, code="unreadable_file", details=details)


class UploadParser(MultiPartParser):
    """Multipart bodies up to `settings.MAX_UPLOAD_BYTES`; files go to disk, not into memory."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        length = int(parser_context["request"].META.get("CONTENT_LENGTH") or 0)
        if length > settings.MAX_UPLOAD_BYTES:
            raise TooLarge(f"Upload exceeds {settings.MAX_UPLOAD_BYTES} bytes", code="upload_too_large")
        return super().parse(stream, media_type, parser_context)


@contextmanager
def place(file: Upload, caller: str) -> Iterator[None]:
    """To be held while a file is read and taken in; a small one needs none, if it is not packed. Raises Busy."""
    is_small = (file.size or 0) <= SMALL_BYTES and not (file.name or "").lower().endswith(".xlsx")
    with nullcontext(True) if is_small else PLACES.place(caller) as granted:
        if not granted:
            raise Busy
        yield


def file_of(data: Any) -> Upload:
    """The form field `file`. Of several, nobody could say which is meant. An empty body of another type is no form."""
    files = data.getlist("file") if isinstance(data, QueryDict) else []
    if len(files) != 1 or not isinstance(files[0], UploadedFile):
        raise UnreadableFile("The form field `file` must hold exactly one file")
    file: Upload = files[0]
    return file


def options_of(data: Any) -> Any:
    """The form field `options`: JSON, or absent."""
    try:
        (text,) = data.getlist("options") or [""]
        return exact_json.loads(text) if text else None
    except (ValueError, TypeError):
        raise BadRequest("Invalid bulk order request: options must be a JSON object") from None


def digest(file: Upload) -> str:
    """What makes two uploads the same file."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def rows_of(file: Upload) -> Iterator[Any]:
    """The order forms of a file, whose extension says what it is and whose content must agree. The first is read at
    once: what comes before it, such as all texts of a workbook, may take longer than a transaction may stand still."""
    extension = PurePath(file.name or "").suffix.lower()
    reader = READERS.get(extension)
    if reader is None:
        raise UnreadableFile(f"The file must be one of {', '.join(READERS)}")
    file.seek(0)
    signature = file.read(len(ZIP_SIGNATURE))
    if signature == OLE_SIGNATURE:
        raise UnreadableFile("The workbook has a password or an old format: save it as .xlsx without a password")
    if (signature == ZIP_SIGNATURE) != (extension == ".xlsx"):
        raise UnreadableFile(f"The content is not that of a {extension} file")
    file.seek(0)
    assert file.file is not None
    return _begun(reader(file.file))


def read_csv(file: IO[bytes]) -> Iterator[Any]:
    lines = csv.reader((text for _, text in _lines(file)), strict=True)
    try:
        yield from _forms((lines.line_num, cells) for cells in lines)
    except csv.Error as error:
        reason = "ends in a carriage return alone" if "new-line" in str(error) else str(error)
        raise UnreadableFile(reason, lines.line_num) from None


def read_jsonl(file: IO[bytes]) -> Iterator[Any]:
    for number, text in _lines(file):
        try:
            if text.strip():
                yield _without_verdict(exact_json.loads(text.strip()))
        except json.JSONDecodeError as error:
            column = len(text) - len(text.lstrip()) + error.colno
            raise UnreadableFile(f"{error.msg} (column {column})", number) from None
        except ValueError as error:
            raise UnreadableFile(str(error), number) from None


def read_xlsx(file: IO[bytes]) -> Iterator[Any]:
    try:
        yield from _forms(read_rows(file))
    except PackageTooLarge as error:
        raise TooLarge(f"Workbook refused: {error}", code="upload_too_large") from None
    except InvalidPackage as error:
        line = error.number if isinstance(error, InvalidRow) else None
        raise UnreadableFile(str(error) if line else f"Not a workbook: {error}", line) from None


READERS: Final[dict[str, Callable[[IO[bytes]], Iterator[Any]]]] = {
    ".csv": read_csv,
    ".jsonl": read_jsonl,
    ".xlsx": read_xlsx,
}


def _begun(rows: Iterator[Any]) -> Iterator[Any]:
    first = [*islice(rows, 1)]
    return chain(first, rows)


def _forms(lines: Iterator[tuple[int, Sequence[str]]]) -> Iterator[Any]:
    """Header, then one order a line; blank lines are none."""
    number, names = next((line for line in lines if _says_something(line[1])), (1, []))
    try:
        header = checked_header(names)
    except InvalidHeader as error:
        raise UnreadableFile(str(error), number) from None
    for number, cells in lines:
        if _says_something(cells[len(header) :]) or len(cells) > MAX_COLUMNS:
            raise UnreadableFile(f"has more cells than the {len(header)} columns of the header", number)
        if _says_something(cells):
            yield form_of(dict(zip(header, cells, strict=False)))


def _says_something(cells: Sequence[str]) -> bool:
    return any(map(str.strip, cells))


def _without_verdict(row: Any) -> Any:
    """A line of a download of failed rows is taken back as it is."""
    if isinstance(row, dict) and row.keys() >= set(ADDED):
        return {name: value for name, value in row.items() if name not in ADDED}
    return row


def _lines(file: IO[bytes]) -> Iterator[tuple[int, str]]:
    """Numbered lines of UTF-8 text, each of bounded length; a byte order mark is no part of the first."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number > MAX_ROWS:
            raise UnreadableFile(f"more than {MAX_ROWS:,} lines", number)
        if len(line) > MAX_LINE_BYTES:
            raise UnreadableFile(f"longer than {MAX_LINE_BYTES} bytes", number)
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise UnreadableFile("not UTF-8 text: save the file as UTF-8", number) from None
