"""The zip of XML parts that a workbook is (ECMA-376, part 2), opened without trusting it. Pure.

Nothing is unpacked whole: parts are parsed as they are inflated, and what could grow without end is refused, as are
document types, which no workbook has and every entity bomb needs.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final
from xml.parsers import expat

Attributes = dict[str, str]

# What a package may unpack to; a hundred thousand lines with every cell filled need two thirds of it.
MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024
MAX_DIRECTORY_BYTES: Final = 1024 * 1024
# Of one part: a hundred thousand lines with every cell filled have thirteen million, and a smaller file could unpack to
# four times as many, which is minutes of work.
MAX_TAGS: Final = 15_000_000
MAX_TOKEN_BYTES: Final = 1024 * 1024  # a tag with its attributes, a comment
# Of a part that is kept whole: its elements, and what it unpacks to, for an element may have thousands of attributes.
MAX_ELEMENTS: Final = 500_000
MAX_WHOLE_BYTES: Final = 32 * 1024 * 1024
MAX_NAMES: Final = 10_000  # expat keeps every name of an element or attribute that it has met
MAX_DEPTH: Final = 64
READ_BYTES: Final = 64 * 1024
ENCRYPTED: Final = 0x1
PLAIN_WAYS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others can be told to take gigabytes


class InvalidPackage(ValueError):
    """Not a package, damaged, or protected."""


class PackageTooLarge(InvalidPackage):
    """It would unpack to more than anybody's orders need."""


class Package:
    """The parts of an archive, by their paths from its root, in which case does not matter."""

    def __init__(self, file: IO[bytes]) -> None:
        self._archive = zipfile.ZipFile(_ShortReads(file))
        members = self._archive.infolist()
        if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
            raise PackageTooLarge(f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        if any(member.flag_bits & ENCRYPTED for member in members):
            raise InvalidPackage("it is protected by a password")
        if any(member.compress_type not in PLAIN_WAYS for member in members):
            raise InvalidPackage("it is packed in a way that workbooks are not")
        # A directory may name places where no file has any.
        if any(not 0 <= member.header_offset < MAX_UNPACKED_BYTES for member in members):
            raise InvalidPackage("it is damaged: its directory leads out of it")
        self._members = {member.filename.lower(): member for member in members}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._members

    def parse(self, name: str, start: Callable[[str, Attributes], None], **handlers: Any) -> Iterator[None]:
        """Feed a part to the handlers of its tags (local names) and text; yields now and then, for what they found."""
        if name not in self:
            raise InvalidPackage(f"it has no part {name}")
        with self._archive.open(self._members[name.lower()]) as part:
            yield from _parse(part, start, **handlers)

    def elements(self, name: str) -> list[tuple[str, Attributes]]:
        """All elements of a small part, in order."""
        if name in self and self._members[name.lower()].file_size > MAX_WHOLE_BYTES:
            raise PackageTooLarge(f"its part {name} unpacks to more than {MAX_WHOLE_BYTES} bytes")
        found: list[tuple[str, Attributes]] = []
        for _ in self.parse(name, lambda *element: found.append(element)):
            if len(found) > MAX_ELEMENTS:
                raise PackageTooLarge(f"its part {name} has too many elements")
        return found


@contextmanager
def opened(file: IO[bytes]) -> Iterator[Package]:
    """A package to read from; whatever turns out to be wrong with it is an `InvalidPackage`."""
    try:
        yield Package(file)
    except InvalidPackage:
        raise
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError) as error:
        raise InvalidPackage(f"it is no zip archive, or damaged ({error})") from None
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise InvalidPackage(f"its XML is damaged ({error})") from None


class _ShortReads:
    """A file of which nobody may ask much at once: zipfile reads the directory whole, of whatever size it claims."""

    def __init__(self, file: IO[bytes]) -> None:
        self.seek, self.tell, self.seekable, self._file = file.seek, file.tell, file.seekable, file

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise PackageTooLarge("it has too many parts")
        return self._file.read(size)


def _parse(
    part: IO[bytes],
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> Iterator[None]:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    tags = _Tags(start, end)
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = tags.open, tags.close, text
    parser.StartDoctypeDeclHandler = _refuse_document_type
    fed = 0
    while data := part.read(READ_BYTES):
        parser.Parse(data, False)
        fed += len(data)
        if fed - parser.CurrentByteIndex > MAX_TOKEN_BYTES or len(parser.intern) > MAX_NAMES:
            raise PackageTooLarge("its XML has names or tags without end")
        if tags.count > MAX_TAGS:
            raise PackageTooLarge(f"one of its parts has more than {MAX_TAGS:,} tags")
        yield
    parser.Parse(b"", True)
    yield


class _Tags:
    """Passes tags on under their local names; counts them and how deep they are nested."""

    __slots__ = ("_depth", "_end", "_local", "_start", "count")

    def __init__(self, start: Callable[[str, Attributes], None], end: Callable[[str], None] | None) -> None:
        self._start, self._end = start, end
        self._local = _LocalNames()
        self._depth = self.count = 0

    def open(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        self.count += 1
        if self._depth > MAX_DEPTH:
            raise InvalidPackage(f"its XML is nested deeper than {MAX_DEPTH} levels")
        self._start(self._local[name], attributes)

    def close(self, name: str) -> None:
        self._depth -= 1
        if self._end:
            self._end(self._local[name])


class _LocalNames(dict[str, str]):
    """Names without their prefixes, looked up far more often than found out."""

    def __missing__(self, name: str) -> str:
        return self.setdefault(name, name.rpartition(":")[2])


def _refuse_document_type(*_: object) -> None:
    raise InvalidPackage("its XML declares a document type")
