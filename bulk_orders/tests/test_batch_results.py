import csv
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from bulk_orders.models import Batch
from bulk_orders.tests.calls import BATCHES, api_of, key_of, submit, work
from bulk_orders.tests.forms import cart_item, nominee, order_form
from bulk_orders.tests.test_batch_upload import upload
from config.lib import exact_json

BAD = order_form(cartItems=[])
pytestmark = pytest.mark.django_db


def results(client: APIClient, batch_id: str, **query: Any) -> Any:
    return client.get(f"{BATCHES}/{batch_id}/results", query)


def lines(client: APIClient, batch_id: str) -> list[dict[str, str]]:
    reply = client.get(f"{BATCHES}/{batch_id}/results.csv")
    assert reply["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(b"".join(reply.streaming_content).decode().splitlines()))  # type: ignore[attr-defined]


def test_results_tell_of_every_row_in_its_order(api: APIClient) -> None:
    batch = work(submit(api, BAD, order_form(clientRef="A"), stopOnError=False))
    failed, good = results(api, batch.pk).json()
    assert (failed["index"], failed["success"], failed["status"]) == (0, False, "failed")
    assert (failed["orderId"], failed["error"], failed["code"]) == (None, "Cart items are required", "required")
    assert (good["index"], good["clientRef"], good["success"], good["error"]) == (1, "A", True, None)
    assert good["modelOrderId"].startswith("MO-")


def test_results_are_filtered_by_status(api: APIClient) -> None:
    batch = work(submit(api, order_form(), BAD, order_form(), stopOnError=True))
    for status, indexes in {"succeeded": [0], "failed": [1], "skipped": [2]}.items():
        assert [row["index"] for row in results(api, batch.pk, status=status).json()] == indexes
    assert results(api, batch.pk, status="lost").status_code == 400


def test_results_are_paged_by_offset_and_by_cursor(api: APIClient) -> None:
    batch = work(submit(api, *[order_form()] * 5))
    reply = results(api, batch.pk, limit=2, offset=2)
    assert [row["index"] for row in reply.json()] == [2, 3]
    assert reply["X-Total-Count"] == "5"
    assert 'rel="next"' in reply["Link"]
    assert [row["index"] for row in results(api, batch.pk, limit=2, cursor="1").json()] == [2, 3]
    assert results(api, batch.pk, cursor="x").status_code == 400


def test_a_validated_batch_has_results_but_no_orders(api: APIClient) -> None:
    batch_id = submit(api, order_form(), BAD, validateOnly=True)
    good, failed = results(api, batch_id).json()
    assert (good["success"], good["orderId"], good["modelOrderId"]) == (True, None, None)
    assert failed["error"] == "Cart items are required"


def test_failed_rows_come_back_in_the_upload_format(api: APIClient) -> None:
    bad = order_form(cartItems=[cart_item(amount=-5, schemeName="=SUM(A1)")], clientRef="+A")
    batch = work(submit(api, order_form(), bad, None))
    first, second = lines(api, batch.pk)
    assert (first["index"], first["error"]) == ("1", "Item 1: Amount must be greater than 0")
    assert (first["clientRef"], first["amount"], first["schemeName"]) == ("'+A", "'-5", "'=SUM(A1)")
    assert (second["index"], second["error"]) == ("2", "Order must be an object")


def test_corrected_rows_can_be_uploaded_again(api: APIClient) -> None:
    batch = work(submit(api, order_form(cartItems=[cart_item(amount=0)])))
    text = b"".join(api.get(f"{BATCHES}/{batch.pk}/results.csv").streaming_content)  # type: ignore[attr-defined]
    corrected = text.replace(b",Purchase,0,", b",Purchase,10,")
    assert corrected != text
    assert upload(api, corrected).json()["summary"] == {"total": 1, "submitted": 1, "failed": 0, "errors": []}


def test_an_order_that_no_line_can_hold_comes_as_its_error_alone(api: APIClient) -> None:
    items = [cart_item(amount=0), cart_item(), cart_item()]
    bad = order_form(cartItems=items, nominees=[nominee(percentage=25)] * 4, clientRef="A")
    batch = work(submit(api, bad))
    reply = api.get(f"{BATCHES}/{batch.pk}/results.csv")
    text = b"".join(reply.streaming_content)  # type: ignore[attr-defined]
    (line,) = csv.DictReader(text.decode().splitlines())
    assert {name: cell for name, cell in line.items() if cell} == {
        "index": "0",
        "error": "Item 1: Amount must be greater than 0; A line cannot hold all of this order (3 cart items, "
        "4 nominees): correct it in the JSONL download",
        "clientRef": "A",
    }
    # Uploaded again as it is, nothing is bought of an order that was cut.
    assert upload(api, text).json()["summary"]["submitted"] == 0


def test_no_cell_of_a_download_is_too_long_for_an_upload(api: APIClient) -> None:
    long = order_form(cartItems=[cart_item(amount=0)] * 1_000, clientRef="x" * 40_000)
    batch = work(submit(api, long, order_form(cartItems=[cart_item(amount=0, schemeName="x" * 40_000)])))
    for name in ("csv", "xlsx"):
        text = api.get(f"{BATCHES}/{batch.pk}/results.{name}").getvalue()
        summary = upload(api, text, f"a.{name}").json()["summary"]
        assert (summary["total"], summary["failed"]) == (2, 2)


def test_a_workbook_and_a_jsonl_of_failed_rows_can_be_uploaded_as_they_are(api: APIClient) -> None:
    whole = order_form(cartItems=[cart_item(amount=0)] * 2, settlementAccount={"id": 1}, note="\u20b9 = <&>")
    batch = work(submit(api, order_form(cartItems=[cart_item(amount=0)], clientRef="=A"), whole, None))
    for name, errors in {"xlsx": 3, "jsonl": 3}.items():
        text = api.get(f"{BATCHES}/{batch.pk}/results.{name}").getvalue()
        again = upload(api, text, f"a.{name}").json()
        assert (again["summary"]["failed"], again["summary"]["total"]) == (errors, errors)
        rows = Batch.objects.get(pk=again["batchId"])
        work(rows.pk)
        forms: list[Any] = list(rows.results.order_by("order_index").values_list("order_data", flat=True))
        assert forms[0]["clientRef"] == "=A"
        assert forms[0].keys().isdisjoint({"index", "error"})
    assert forms[1:] == [whole, {}]


def test_a_line_of_ones_own_may_speak_of_an_index(api: APIClient) -> None:
    row = order_form(cartItems=[], index=7)
    batch = work(upload(api, exact_json.dumps(row), "a.jsonl").json()["batchId"])
    assert batch.results.get().order_data == row


def test_a_rows_own_index_and_error_do_not_hide_the_verdict(api: APIClient) -> None:
    batch = work(submit(api, order_form(), order_form(cartItems=[], index=7, error="none", note=0)))
    (line,) = api.get(f"{BATCHES}/{batch.pk}/results.jsonl").getvalue().splitlines()
    row = exact_json.loads(line)
    assert (row["index"], row["error"], row["note"]) == (1, "Cart items are required", 0)


@pytest.mark.parametrize("name", ["results", "results.csv", "results.xlsx", "results.jsonl"])
def test_results_belong_to_the_submitter(api: APIClient, owner: User, outsider: User, name: str) -> None:
    path = f"{BATCHES}/{work(submit(api, BAD)).pk}/{name}"
    assert api_of(outsider).get(path).status_code == 404
    assert APIClient().get(path).status_code == 401
    assert key_of(owner, "orders:write").get(path).status_code == 403
    assert key_of(owner, "bulk_orders:read").get(path).status_code == 200
