import csv
import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import date
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from openpyxl import Workbook
from rest_framework.test import APIClient

from bulk_orders import intake, packages, uploads
from bulk_orders.models import Batch, Chunk, Order
from bulk_orders.sheets import COLUMNS
from bulk_orders.tests.calls import BATCHES, api_of, key_of, work
from bulk_orders.tests.forms import order_form
from bulk_orders.workbooks import read_rows

UPLOAD = f"{BATCHES}/upload"
LINE = {
    "clientRef": "A-1",
    "schemeName": "Value Fund",
    "transactionType": "Purchase",
    "amount": "500.50",
    "mode": "Online",
    "optOutOfNomination": "true",
}
pytestmark = pytest.mark.django_db


def sheet(*lines: dict[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=[*{name: None for line in lines for name in line}])
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()


def workbook(*rows: list[Any]) -> bytes:
    book, target = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(target)
    return target.getvalue()


def upload(client: APIClient, content: bytes, name: str = "orders.csv", **fields: Any) -> Any:
    headers: Any = {f"HTTP_{key.upper()}": fields.pop(key) for key in [*fields] if key == "idempotency_key"}
    data = {"file": SimpleUploadedFile(name, content), **fields}
    return client.post(UPLOAD, data, format="multipart", **headers)


@pytest.mark.parametrize("extension", ["csv", "xlsx"])
def test_a_file_is_begun_before_there_is_a_transaction_that_could_stand_still(extension: str) -> None:
    content = {"csv": b"colour\nred\n", "xlsx": workbook(["colour"], ["red"])}[extension]
    with pytest.raises(uploads.UnreadableFile, match="Unknown columns: colour"):
        uploads.rows_of(SimpleUploadedFile(f"orders.{extension}", content))


def test_a_file_may_pause_for_longer_than_a_transaction_may_stand_still(owner: User) -> None:
    def slow() -> Iterator[Any]:
        time.sleep(1.2)  # as while blank rows are read
        yield order_form()

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '1s'")
    submission = intake.submit(user_id=owner.pk, rows=slow(), limit=1, options=intake.Options(), address=None)
    assert submission.tally.total == 1


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_while_a_file_is_read_is_told_as_such(api: APIClient, monkeypatch: Any) -> None:
    def severed(file: Any) -> Iterator[Any]:
        for number in range(3_000):
            if number == 1_500:
                end_session(connection.connection.info.backend_pid)
            yield order_form()

    monkeypatch.setattr(uploads, "rows_of", severed)
    assert upload(api, sheet(LINE)).status_code == 503
    assert not Batch.objects.exists()


def end_session(process: int) -> None:
    def end() -> None:
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [process])

    thread = Thread(target=end)
    thread.start()
    thread.join()


def refused(reply: Any, text: str) -> bool:
    assert reply.status_code == 400, reply.content
    assert text in reply.json()["message"], reply.json()
    return not Batch.objects.exists() and not Chunk.objects.exists()


def test_a_csv_is_taken_in_like_any_submission(api: APIClient) -> None:
    reply = upload(api, sheet(LINE, LINE, LINE | {"clientRef": "B", "amount": "0"}))
    assert reply.status_code == 202
    body = reply.json()
    assert body["message"] == "Bulk order submitted for processing"
    assert [(error["index"], error["error"]) for error in body["summary"]["errors"]] == [
        (1, "Duplicate clientRef"),
        (2, "Item 1: Amount must be greater than 0"),
    ]
    assert reply["Location"] == f"{BATCHES}/{body['batchId']}"
    assert work(body["batchId"]).succeeded == 1
    assert Order.objects.get().order_form_data["cartItems"][0]["amount"] == "500.50"


def test_a_jsonl_holds_a_form_a_line(api: APIClient) -> None:
    lines = [json.dumps(order_form(cartItems=[])).encode(), b"", b"null", b'{"note": "\\u0000"}']
    reply = upload(api, b"\n".join(lines), "orders.jsonl")
    assert [error["index"] for error in reply.json()["summary"]["errors"]] == [0, 1, 2]


def test_a_workbook_is_read_with_its_figures_and_days(api: APIClient) -> None:
    header = [*LINE, "nominee1Percentage", "nominee1Pan", "nominee1DateOfBirth", "error"]
    row = ["A", "Value Fund", "Purchase", 500.5, "Online", False, 100, "ABCDE1234F", date(1990, 4, 1), "was wrong"]
    reply = upload(api, workbook([" "], header, row, [None] * 10, [" ", "\t"]), "orders.xlsx")
    assert reply.json()["summary"] == {"total": 1, "submitted": 1, "failed": 0, "errors": []}
    work(reply.json()["batchId"])
    form = Order.objects.get().order_form_data
    assert form["cartItems"][0]["amount"] == "500.5"
    assert form["nominees"][0]["dateOfBirth"] == "1990-04-01"


def test_options_come_as_json(api: APIClient) -> None:
    reply = upload(api, sheet(LINE), options='{"validateOnly": true}')
    assert reply.json()["message"] == "Orders validated successfully"
    assert Batch.objects.get().completed_at
    assert not Order.objects.exists()


@pytest.mark.parametrize("options", ["{", "[]", '{"stopOnError": 1}', "5"])
def test_bad_options_are_refused(api: APIClient, options: str) -> None:
    assert refused(upload(api, sheet(LINE), options=options), "Invalid bulk order request: options")


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"clientRef,Amount,\nA,5,", "a.csv", "Line 1: Unknown columns: Amount, (blank)"),
        (b"amount,amount\n1,2", "a.csv", "Line 1: Columns given twice: amount"),
        (b"clientRef,amount\nA,5\nB,6,7", "a.csv", "Line 3: has more cells than the 2 columns"),
        (b'clientRef\nA\n"B', "a.csv", "Line 3: unexpected end of data"),
        (b"clientRef\nA\n\xff\xfe", "a.csv", "Line 3: not UTF-8 text: save the file as UTF-8"),
        ("clientRef\nJos\xe9".encode("cp1252"), "a.csv", "Line 2: not UTF-8 text"),
        ("clientRef\nA".encode("utf-16"), "a.csv", "Line 1: not UTF-8 text"),
        ("clientRef\nA".encode("utf-16-be"), "a.csv", "Line 1: Unknown columns"),
        (b"clientRef;amount\nA;5", "a.csv", "Line 1: Columns must be separated by commas"),
        (b"clientRef\tamount\nA\t5", "a.csv", "Line 1: Columns must be separated by commas"),
        (b"A-1,500.50,Purchase", "a.csv", "Line 1: Unknown columns: A-1, 500.50, Purchase"),
        (b"x," * 300, "a.csv", "x, x, x, x, x, x, x, x, x, x and 291 more"),
        (b"clientRef\rA\rB", "a.csv", "Line 1: ends in a carriage return alone"),
        (b'clientRef\n"A"B', "a.csv", "Line 2: ',' expected after"),
        (b"clientRef\n" + b"x" * 200_000, "a.csv", "field larger than field limit"),
        (b'{"a": 1}\n{oops}', "a.jsonl", "Line 2: Expecting property name enclosed in double quotes (column 2)"),
        (b'{"a":\n5}', "a.jsonl", "Line 1: Expecting value (column 6)"),
        (b"[" * 50 + b"]" * 50, "a.jsonl", "Line 1: JSON is nested deeper"),
        (b'  \t{"a": 1,, "b": 2}', "a.jsonl", "Line 1: Expecting property name enclosed in double quotes (column 12)"),
        (b'{"a": NaN}', "a.jsonl", "Line 1: NaN is not JSON"),
        (b"\xff", "a.jsonl", "Line 1: not UTF-8 text"),
        (b"clientRef\nA", "a.txt", "The file must be one of .csv, .jsonl, .xlsx"),
        (b"clientRef\nA", "a.xlsx", "The content is not that of a .xlsx file"),
        (b"PK\x03\x04 is no sheet", "a.csv", "The content is not that of a .csv file"),
        (b"PK\x03\x04 is no sheet", "a.xlsx", "Not a workbook: it is no zip archive, or damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.xlsx", "has a password or an old format"),
        (b"", "a.xlsx", "The content is not that of a .xlsx file"),
        (b"", "a.csv", "Orders array is required"),
        (b"clientRef\n\n", "a.csv", "Orders array is required"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_refused_with_line_and_reason(
    api: APIClient, content: bytes, name: str, told: str
) -> None:
    assert refused(upload(api, content, name), told)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_blank_lines_are_none_but_not_endless(api: APIClient, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(uploads, "MAX_ROWS", 20)
    assert refused(upload(api, b"\n" * 20, name), "Orders array is required")
    assert refused(upload(api, b"\n" * 21, name), "more than 20 lines")


def test_blank_lines_may_stand_before_the_header_and_between(api: APIClient) -> None:
    second = sheet(LINE | {"clientRef": "B"}).partition(b"\n")[2]
    text = b"\r\n,,\r\n" + sheet(LINE) + b"\r\n , ,,,,,,, \r\n   \r\n" + second
    assert upload(api, text).json()["summary"]["submitted"] == 2


def test_cells_may_hold_commas_line_ends_and_quotes(api: APIClient) -> None:
    name = 'Fund, "Direct"\r\nGrowth\rOption ' + "x" * 150
    work(upload(api, sheet(LINE | {"schemeName": name})).json()["batchId"])
    assert Order.objects.get().order_form_data["cartItems"][0]["schemeName"] == name


def test_text_that_cannot_be_stored_is_the_error_of_its_row(api: APIClient) -> None:
    reply = upload(api, sheet(LINE, LINE | {"clientRef": "B", "schemeName": "a\0b"}))
    (error,) = reply.json()["summary"]["errors"]
    assert (error["index"], error["error"]) == (1, "Text with NUL or lone surrogates cannot be stored")
    assert work(reply.json()["batchId"]).failed == 1


def test_a_zip_that_is_no_workbook_is_refused(api: APIClient) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert refused(upload(api, target.getvalue(), "a.xlsx"), "Not a workbook")


def test_a_workbook_that_unpacks_to_too_much_is_refused(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_UNPACKED_BYTES", 1000)
    reply = upload(api, workbook([*LINE]), "a.xlsx")
    assert (reply.status_code, reply.json()["code"]) == (413, "upload_too_large")
    assert not Batch.objects.exists()


def test_a_cell_without_text_is_told_with_its_line(api: APIClient) -> None:
    content = workbook([*LINE], [*LINE.values()], ["B", "=1+1"])
    assert refused(upload(api, content, "a.xlsx"), "Line 3: has a formula without a value")


def test_a_long_jsonl_line_is_refused(api: APIClient) -> None:
    assert refused(upload(api, b'"' + b"x" * uploads.MAX_LINE_BYTES + b'"', "a.jsonl"), "Line 1: longer than")


def test_uploads_are_bounded_in_size_and_rows(api: APIClient, settings: Any) -> None:
    settings.BULK_UPLOAD_MAX_ORDERS = 2
    reply = upload(api, sheet(LINE, LINE, LINE))
    assert refused(reply, "Too many orders")
    assert reply.json()["errors"] == ["Maximum 2 orders per batch"]
    settings.MAX_UPLOAD_BYTES = 100
    assert upload(api, sheet(LINE, LINE)).status_code == 413


def test_a_file_is_needed(api: APIClient) -> None:
    assert refused(api.post(UPLOAD, {"file": "text"}, format="multipart"), "must hold exactly one file")
    assert refused(api.post(UPLOAD, {}, format="multipart"), "must hold exactly one file")
    assert refused(api.post(UPLOAD, b"", content_type="application/json"), "must hold exactly one file")
    assert api.post(UPLOAD, b"{}", content_type="application/json").status_code == 415


def test_two_files_are_refused_rather_than_one_of_them_ignored(api: APIClient) -> None:
    files = [SimpleUploadedFile("a.csv", sheet(LINE, LINE)), SimpleUploadedFile("b.csv", sheet(LINE))]
    reply = api.post(UPLOAD, {"file": files}, format="multipart")
    assert refused(reply, "exactly one file")


def test_the_same_file_under_the_same_key_is_one_batch(api: APIClient) -> None:
    first, second = (upload(api, sheet(LINE), idempotency_key="k") for _ in range(2))
    assert second["Idempotent-Replayed"] == "true"
    assert first.json() == second.json()
    assert upload(api, sheet(LINE, LINE), idempotency_key="k").status_code == 422
    assert Batch.objects.count() == 1


def test_a_third_file_of_a_caller_and_a_fifth_of_a_process_are_put_off(
    api: APIClient, owner: User, outsider: User
) -> None:
    mine, book = f"user:{owner.pk}", workbook([*LINE], [*LINE.values()])
    with uploads.PLACES.place(mine), uploads.PLACES.place(mine):
        reply = upload(api, book, "a.xlsx", idempotency_key="k")
        assert (reply.status_code, reply.json()["code"], reply["Retry-After"]) == (503, "busy", "10")
        assert upload(api_of(outsider), book, "a.xlsx").status_code == 202
    with ExitStack() as held:
        for caller in ("a", "a", "b", "b"):
            held.enter_context(uploads.PLACES.place(caller))
        assert upload(api, sheet(LINE) + b"\n" * uploads.SMALL_BYTES, idempotency_key="k").status_code == 503
        assert not Batch.objects.exclude(user=outsider).exists()
        assert upload(api, sheet(LINE)).status_code == 202  # a small one
    assert upload(api, book, "a.xlsx", idempotency_key="k").status_code == 202
    assert not uploads.PLACES.taken


def test_strangers_and_keys_without_the_scope_are_refused(owner: User) -> None:
    assert upload(APIClient(), sheet(LINE)).status_code == 401
    assert upload(key_of(owner, "bulk_orders:read"), sheet(LINE)).status_code == 403
    assert not Batch.objects.exists()
    assert upload(key_of(owner, "bulk_orders:write"), sheet(LINE)).status_code == 202


@pytest.mark.parametrize("accept", ["*/*", "text/csv"])
def test_templates_hold_every_column(api: APIClient, accept: str) -> None:
    reply = api.get(f"{BATCHES}/template.csv", HTTP_ACCEPT=accept)
    assert reply.getvalue().decode().strip().split(",") == [*COLUMNS]
    reply = api.get(f"{BATCHES}/template.xlsx", HTTP_ACCEPT=accept)
    assert list(read_rows(io.BytesIO(reply.getvalue()))) == [(1, [*COLUMNS])]


def test_a_template_with_lines_filled_in_is_accepted(api: APIClient) -> None:
    template = api.get(f"{BATCHES}/template.csv").getvalue()
    line = ",".join(LINE.get(name, "") for name in COLUMNS)
    assert upload(api, b"\xef\xbb\xbf" + template + line.encode()).json()["summary"]["submitted"] == 1
