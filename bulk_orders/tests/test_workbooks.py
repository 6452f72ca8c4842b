"""Workbooks as spreadsheet programs write them, and as nobody should."""

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from bulk_orders import packages, workbooks
from bulk_orders.packages import InvalidPackage, PackageTooLarge
from bulk_orders.sheets import text_of
from bulk_orders.workbook_export import PARTS, write_rows
from bulk_orders.workbooks import InvalidRow, read_rows

SHEET = "xl/worksheets/sheet1.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"


def package(rows: str = "", compression: int = zipfile.ZIP_DEFLATED, /, **parts: str) -> io.BytesIO:
    """A workbook with these rows in its sheet; `parts` by their file's name replace or add others."""
    relations = '<Relationship Id="rId3" Type="x/sharedStrings" Target="/xl/sharedStrings.xml"/></Relationships>'
    named = {name.rpartition("/")[2].partition(".")[0]: name for name in [*PARTS, SHEET, "xl/sharedStrings.xml"]}
    given = PARTS | {
        RELATIONS: PARTS[RELATIONS].replace("</Relationships>", relations),
        SHEET: f"<worksheet><sheetData>{rows}</sheetData></worksheet>",
        "xl/sharedStrings.xml": "<sst/>",
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, text in (given | {named[key]: text for key, text in parts.items()}).items():
            archive.writestr(name, text)
    target.seek(0)
    return target


def cells(*given: str, **parts: str) -> list[str]:
    ((_, found),) = read_rows(package(f"<row>{''.join(given)}</row>", **parts))
    return found


def styles(*formats: str, **codes: str) -> str:
    custom = "".join(f'<numFmt numFmtId="{key[1:]}" formatCode="{code}"/>' for key, code in codes.items())
    used = "".join(f'<xf numFmtId="{number}"/>' for number in formats)
    return (
        f'<styleSheet><numFmts>{custom}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        f"<cellXfs>{used}</cellXfs></styleSheet>"
    )


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**14), 10**14),
    st.decimals(-(10**9), 10**9, places=4),
    st.dates(date(1901, 1, 1), date(2200, 1, 1)),
    st.text().filter(
        lambda text: not ILLEGAL_CHARACTERS_RE.search(text) and not text.startswith("=") and "\r" not in text
    ),
)


@settings(max_examples=15, deadline=None)  # writing with the library is slow
@given(st.lists(st.lists(VALUES, min_size=1, max_size=20), min_size=1, max_size=4))
def test_what_a_library_writes_is_read_as_it_is_shown(rows: list[list[Any]]) -> None:
    book, target = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(target)
    shown = [[_shown(value) for value in row] for row in rows]
    assert dict(_trimmed(read_rows(target))) == dict(_trimmed(enumerate(shown, 1)))


def _shown(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return text_of(value.normalize() + 0 if isinstance(value, Decimal) else value)


def _trimmed(rows: Any) -> Iterator[tuple[int, list[str]]]:
    for number, texts in rows:
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            yield number, texts


@settings(max_examples=25)
@given(st.lists(st.lists(st.text(max_size=9), max_size=30), max_size=4))
def test_what_is_exported_is_read_back(rows: list[list[str]]) -> None:
    written = b"".join(write_rows(rows))
    read = dict(_trimmed(read_rows(io.BytesIO(written))))
    assert read == dict(_trimmed(enumerate([[*texts] for texts in rows], 1)))


def test_texts_are_shared_rich_or_in_place() -> None:
    texts = "<sst><si><t>one</t></si><si><r><t>t</t></r><r><t>wo</t></r><rPh><t>zwei</t></rPh></si><si/></sst>"
    row = [*('<c t="s"><v>1</v></c>', '<c t="s"><v>0</v></c>', '<c t="s"><v>2</v></c>')]
    row += ['<c t="inlineStr"><is><r><t>in </t></r><r><t>place</t></r></is></c>', '<c t="str"><f>A1</f><v>sum</v></c>']
    assert cells(*row, sharedStrings=texts) == ["two", "one", "", "in place", "sum"]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        *(("0050100012345678", "0050100012345678"), ("123456789012345678", "123456789012345678"), ("-5", "-5")),
        *(
            ("1.1000000000000001", "1.1"),
            ("0.30000000000000004", "0.3"),
            ("1E3", "1000"),
            ("1.5E-3", "0.0015"),
            (" 7 ", "7"),
            ("5.00", "5"),
        ),
        *(("NaN", "NaN"), ("1e999", "1e999"), ("seven", "seven"), ("٣٣", "33")),
    ],
)
def test_figures_have_the_digits_that_are_shown(stored: str, shown: str) -> None:
    assert cells(f"<c><v>{stored}</v></c>") == [shown]


@pytest.mark.parametrize(
    ("format_", "stored", "shown"),
    [
        *(("14", "32964", "1990-04-01"), ("14", "32964.75", "1990-04-01"), ("14", "1", "1900-01-01")),
        *(("14", "59", "1900-02-28"), ("14", "61", "1900-03-01"), ("14", "-3", "-3"), ("14", "99999999", "99999999")),
        *(
            ("170", "32964", "1990-04-01"),
            ("171", "32964", "32964"),
            ("172", "32964", "32964"),
            ("9", "0.335", "33.5%"),
        ),
        *(("9", "1", "100%"), ("173", "0.07", "7%"), ("2", "5.50", "5.5"), ("174", "12", "12")),
        *(("175", "12", "12"), ("176", "32964", "32964")),
    ],
)
def test_days_and_percentages_are_told_from_figures_by_their_format(format_: str, stored: str, shown: str) -> None:
    codes = {"_170": "[$-409]dd\\-mmm\\-yy;@", "_171": "#,##0 &quot;days&quot;", "_172": "[Red]0.00_d", "_173": "0.00%"}
    sheet = styles("0", format_, **codes, _174="General", _175="STANDARD", _176="Standard;-Standard")
    assert cells(f'<c s="1"><v>{stored}</v></c>', styles=sheet) == [shown]


def test_days_may_count_from_1904() -> None:
    book = PARTS["xl/workbook.xml"].replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    assert cells('<c s="0"><v>31502</v></c>', styles=styles("14"), workbook=book) == ["1990-04-01"]


def test_flags_and_days_in_words() -> None:
    row = ('<c t="b"><v>1</v></c>', '<c t="b"><v>0</v></c>', '<c t="d"><v>1990-04-01T00:00:00</v></c>')
    assert cells(*row) == ["true", "false", "1990-04-01T00:00:00"]


def test_places_may_be_left_out_and_blank_cells_too() -> None:
    rows = '<row r="2"><c r="B2"><v>1</v></c><c/><c><v>2</v></c></row><row/><row r="9"><c r="AA9"><v>3</v></c></row>'
    assert list(read_rows(package(rows))) == [(2, ["", "1", "", "2"]), (3, []), (9, [""] * 26 + ["3"])]


def test_escapes_of_what_xml_cannot_hold_are_undone() -> None:
    assert cells('<c t="inlineStr"><is><t>a_x000D_b_x005F_x0041_</t></is></c>') == ["a\rb_x0041_"]


def test_prefixed_names_and_other_encodings_are_xml_too() -> None:
    prefixed = '<?xml version="1.0" encoding="ISO-8859-1"?><x:worksheet xmlns:x="urn:x"><x:sheetData><x:row><x:c>'
    prefixed += "<x:v>5</x:v></x:c></x:row></x:sheetData></x:worksheet>"
    assert cells(sheet1=prefixed) == ["5"]


def test_the_first_sheet_is_read_wherever_its_part_is() -> None:
    book = '<workbook><sheets><sheet id="chart"/><sheet id="b"/><sheet id="a"/></sheets></workbook>'
    relations = '<Relationships><Relationship Id="chart" Type="x/chartsheet" Target="c.xml"/>'
    relations += '<Relationship Id="b" Type="x/worksheet" Target="../XL/styles.xml"/></Relationships>'
    sheet = "<worksheet><sheetData><row><c><v>5</v></c></row></sheetData></worksheet>"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in {"_rels/.rels": PARTS["_rels/.rels"], "xl/workbook.xml": book}.items():
            archive.writestr(name, text)
        archive.writestr(RELATIONS, relations)
        archive.writestr("xl/Styles.xml", sheet)
    assert list(read_rows(target)) == [(1, ["5"])]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('<c t="e"><v>#REF!</v></c>', "has a cell with the error #REF!"),
        ("<c><f>A1</f></c>", "has a formula without a value"),
        ('<c t="s"><v>5</v></c>', "refers to text 5"),
        ('<c t="s"><v>-1</v></c>', "refers to text -1"),
        ('<c r="B1"><v>1</v></c><c r="A1"><v>1</v></c>', "has cells out of order"),
        ('<c r="ZZ1"><v>1</v></c>', "more than 200"),
        ('<c r="ABCD1"><v>1</v></c>', "has a cell in column 'ABCD'"),
        (f'<c t="inlineStr"><is><t>{"x" * 40_000}</t></is></c>', "a cell of more than 32,767 characters"),
    ],
)
def test_what_has_no_text_is_told_with_its_row(row: str, told: str) -> None:
    with pytest.raises(InvalidRow, match=told) as refusal:
        list(read_rows(package(f'<row r="1"/><row r="7">{row}</row>')))
    assert refusal.value.number == 7


@pytest.mark.parametrize("rows", ['<row r="5"/><row r="5"/>', '<row r="1048577"/>', '<row r="0"/>'])
def test_rows_are_in_order_and_not_endless(rows: str) -> None:
    with pytest.raises(InvalidRow, match="out of order or beyond"):
        list(read_rows(package(rows)))


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><worksheet>&b;</worksheet>'


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"sheet1": ENTITIES}, "declares a document type"),
        ({"sheet1": "<a>" * 100}, "nested deeper than 64"),
        ({"sheet1": "<worksheet><sheetData><row>"}, "XML is damaged"),
        ({"sheet1": '<row r="x"/>'}, "XML is damaged"),
        ({"sheet1": '<?xml version="1.0" encoding="nonsense"?><a/>'}, "XML is damaged"),
        ({"styles": '<styleSheet><numFmt numFmtId="x"/></styleSheet>'}, "XML is damaged"),
        ({"sharedStrings": f"<sst><si><t>{'x' * 40_000}</t></si></sst>"}, "more than 32,767 characters"),
        ({"workbook": "<workbook/>"}, "has no sheet"),
    ],
)
def test_damaged_and_hostile_parts_are_refused(parts: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidPackage, match=told):
        list(read_rows(package(**parts)))


@pytest.mark.parametrize(
    "sheet",
    [
        f'<a b="{"x" * 3_000_000}"/>',
        f"<a><!--{'x' * 3_000_000}--></a>",
        f"<a>{''.join(f'<b{number}/>' for number in range(30_000))}</a>",
        f"<a>{''.join(f'<b c{number}=_/>' for number in range(30_000))}</a>".replace("_", "''"),
    ],
)
def test_names_and_tags_without_end_are_refused(sheet: str) -> None:
    with pytest.raises(PackageTooLarge, match="without end"):
        list(read_rows(package(sheet1=sheet)))


def test_an_archive_that_unpacks_to_too_much_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_UNPACKED_BYTES", 1_000_000)
    with pytest.raises(PackageTooLarge, match="unpacks to more than"):
        list(read_rows(package(" " * 1_000_001)))


def test_an_archive_of_countless_parts_is_refused_before_they_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_DIRECTORY_BYTES", 200)
    with pytest.raises(PackageTooLarge, match="too many parts"):
        list(read_rows(package()))


def test_small_parts_have_few_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_ELEMENTS", 20)
    with pytest.raises(PackageTooLarge, match="too many elements"):
        list(read_rows(package(styles=styles(*["0"] * 30))))


def test_small_parts_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_WHOLE_BYTES", 1_000)
    with pytest.raises(PackageTooLarge, match=r"styles\.xml unpacks to more than 1000"):
        list(read_rows(package(styles=f"<styleSheet{''.join(f' a{number}=_' for number in range(200))}/>")))


def test_tags_are_not_countless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_TAGS", 1_000)
    with pytest.raises(PackageTooLarge, match="more than 1,000 tags"):
        list(read_rows(package(f"<row>{'<c/>' * 1_000}</row>")))


def test_texts_are_not_countless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MAX_TEXTS", 1_000)
    with pytest.raises(PackageTooLarge, match="more than 1,000 texts"):
        list(read_rows(package(sharedStrings=f"<sst>{'<si/>' * 20_000}</sst>")))


@pytest.mark.parametrize("place", [2**40, 2**63, 2**64 - 1])
def test_a_part_that_lies_beyond_all_files_is_refused(place: int) -> None:
    """Seeking there is not an error of zip, but of the system."""
    whole = bytearray(STORED)
    entry = whole.index(b"PK\x01\x02")
    name = int.from_bytes(whole[entry + 28 : entry + 30], "little")
    whole[entry + 30 : entry + 32] = (12).to_bytes(2, "little")
    whole[entry + 42 : entry + 46] = b"\xff" * 4  # see the extra field
    at = entry + 46 + name
    whole[at:at] = struct.pack("<HHQ", 1, 8, place)
    end = whole.rindex(b"PK\x05\x06")
    size = int.from_bytes(whole[end + 12 : end + 16], "little") + 12
    whole[end + 12 : end + 16] = size.to_bytes(4, "little")
    with pytest.raises(InvalidPackage, match="leads out of it"):
        list(read_rows(io.BytesIO(whole)))


def test_uncommon_ways_of_packing_and_passwords_are_refused() -> None:
    with pytest.raises(InvalidPackage, match="packed in a way"):
        list(read_rows(package("", zipfile.ZIP_LZMA)))
    locked = bytearray(package().getvalue())
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InvalidPackage, match="password"):
        list(read_rows(io.BytesIO(locked)))


def test_a_part_that_lies_about_its_length_ends_there() -> None:
    lying = bytearray(package("<row/>" * 100_000).getvalue())
    entry = lying.rindex(b"PK\x01\x02", 0, lying.index(SHEET.encode(), lying.index(b"PK\x01\x02")))
    lying[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
    with pytest.raises(InvalidPackage):
        list(read_rows(io.BytesIO(lying)))


GOOD = package('<row><c t="s"><v>0</v></c></row>', sharedStrings="<sst><si><t>one</t></si></sst>").getvalue()
STORED = package('<row><c s="0"><v>5</v></c></row>', zipfile.ZIP_STORED).getvalue()


@given(st.sampled_from([GOOD, STORED]), st.integers(0, len(STORED)), st.binary(min_size=1, max_size=4), st.booleans())
@example(GOOD, 0, b"", False)
def test_no_damage_does_worse_than_a_refusal(book: bytes, place: int, damage: bytes, cut: bool) -> None:
    damaged = book[:place] + damage + (b"" if cut else book[place + len(damage) :])
    with suppress(InvalidPackage):
        list(read_rows(io.BytesIO(damaged)))


def test_texts_are_found_by_their_numbers() -> None:
    texts = "".join(f"<si><t>text {number}</t></si>" for number in range(3000))
    rows = "".join(f'<row><c t="s"><v>{number}</v></c></row>' for number in reversed(range(3000)))
    found = list(read_rows(package(rows, sharedStrings=f"<sst>{texts}</sst>")))
    assert found == [(row, [f"text {3000 - row}"]) for row in range(1, 3001)]
