import json
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from bulk_orders import processing
from bulk_orders.models import Batch, Chunk, Order, Result
from bulk_orders.tests.calls import BATCHES, api_of, at_once, events, key_of, post, submit, work
from bulk_orders.tests.forms import cart_item, order_form
from config.lib import exact_json

BAD = order_form(cartItems=[])
pytestmark = pytest.mark.django_db


def retry(client: APIClient, batch_id: str) -> Any:
    return post(client, f"{BATCHES}/{batch_id}/retry", {})


def failed_rows(client: APIClient, batch_id: str) -> str:
    reply: Any = client.get(f"{BATCHES}/{batch_id}/results.csv")
    return b"".join(reply.streaming_content).decode()


def mend(index: int, **changes: Any) -> None:
    """As if the rule that failed the row had been changed since."""
    Result.objects.filter(order_index=index).update(order_data=order_form(**changes))


def test_failed_rows_go_back_and_earlier_verdicts_stay_readable(api: APIClient) -> None:
    batch = work(submit(api, order_form(), BAD, BAD))
    reply = retry(api, batch.pk)
    assert reply.status_code == 202
    body = reply.json()
    assert (body["status"], body["processed"], body["failed"], body["succeeded"]) == ("processing", 1, 0, 1)
    assert (body["completedAt"], body["run"]) == (None, 2)
    rows = api.get(f"{BATCHES}/{batch.pk}/results").json()
    assert [row["status"] for row in rows] == ["succeeded", "failed", "failed"]


def test_a_row_that_passes_now_becomes_an_order(api: APIClient, owner: User) -> None:
    batch = work(submit(api, order_form(), BAD, BAD))
    mend(1)
    retry(api, batch.pk)
    batch = work(batch.pk)
    assert (batch.status, batch.succeeded, batch.failed, batch.processed) == ("partial", 2, 1, 3)
    assert batch.completed_at is not None
    assert Order.objects.count() == 2
    row = Result.objects.get(order_index=1)
    assert (row.status, row.run, row.order_data) == ("succeeded", 2, None)
    assert row.earlier == [{"run": 1, "error": "Cart items are required"}]
    ends = [data for name, data in events(owner) if name == "bulk_order.completed"]
    assert [(end["run"], end["failed"]) for end in ends] == [(1, 2), (2, 1)]


@pytest.mark.parametrize("amount", ["1e3", "1e-1"])
def test_what_was_no_valid_number_does_not_become_one(api: APIClient, amount: str) -> None:
    row = json.dumps(order_form(cartItems=[cart_item(amount=7777)])).replace("7777", amount)
    batch = work(post(api, BATCHES, f'{{"orders": [{row}]}}'.encode()).json()["batchId"])
    assert f",{amount}," in failed_rows(api, batch.pk)
    retry(api, batch.pk)
    batch = work(batch.pk)
    assert (batch.failed, Order.objects.count()) == (1, 0)
    assert Result.objects.get().error == "Item 1: Amount is not a valid number"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"clientRef": 7777}, "clientRef must be text of at most 100 characters"),
        ({"settlementAccount": 7777}, "settlementAccount must be an object"),
        ({"cartItems": [cart_item(schemeName=7777)]}, "Item 1: Scheme name is required"),
    ],
)
def test_what_was_a_number_does_not_become_text(api: APIClient, form: Any, error: str) -> None:
    row = exact_json.dumps(order_form(**form)).decode().replace("7777", "1e3")
    batch = work(post(api, BATCHES, f'{{"orders": [{row}]}}'.encode()).json()["batchId"])
    retry(api, batch.pk)
    batch = work(batch.pk)
    assert (batch.failed, Result.objects.get().error) == (1, error)


def test_rows_that_fail_again_keep_their_problems(api: APIClient) -> None:
    rows = [order_form(clientRef="A"), order_form(clientRef="A"), None]
    batch = work(submit(api, *rows))
    for run in (2, 3):
        assert retry(api, batch.pk).json()["run"] == run
        batch = work(batch.pk)
        assert (batch.succeeded, batch.failed) == (1, 2)
    errors = [row.error for row in Result.objects.order_by("order_index")]
    assert errors == [None, "Duplicate clientRef", "Order must be an object"]
    assert Order.objects.count() == 1


def test_text_that_could_not_be_stored_fails_again(api: APIClient) -> None:
    reply = post(api, BATCHES, b'{"orders": [{"note": "\\u0000"}]}')
    batch = work(reply.json()["batchId"])
    retry(api, batch.pk)
    assert work(batch.pk).failed == 1
    assert "cannot be stored" in (Result.objects.get().error or "")


def test_the_day_of_judgement_is_the_first(api: APIClient) -> None:
    batch = work(submit(api, BAD))
    Batch.objects.update(judged_on="2008-01-01")
    minor = order_form()["nominees"][0] | {"dateOfBirth": "1990-02-01"}
    mend(0, nominees=[minor])
    retry(api, batch.pk)
    work(batch.pk)
    assert Result.objects.get().error == "Nominee 1: Guardian details are required for a minor"


def test_a_batch_that_stopped_keeps_its_skipped_rows(api: APIClient) -> None:
    batch = work(submit(api, order_form(), BAD, order_form(), stopOnError=True))
    mend(1)
    retry(api, batch.pk)
    batch = work(batch.pk)
    assert (batch.status, batch.succeeded, batch.failed, batch.skipped) == ("partial", 2, 0, 1)


def test_nothing_failed_or_still_running_is_refused(api: APIClient) -> None:
    running, good = submit(api, BAD), work(submit(api, order_form()))
    validated = submit(api, BAD, validateOnly=True)
    for batch_id in (running, good.pk, validated):
        reply = retry(api, batch_id)
        assert (reply.status_code, reply.json()["code"]) == (409, "invalid_transition")
    assert Chunk.objects.count() == 1


def test_a_worker_that_read_the_batch_before_the_retry_works_for_the_new_run(api: APIClient) -> None:
    before = work(submit(api, BAD))
    mend(0)
    retry(api, before.pk)
    processing.process_at_once(before)
    row = Result.objects.get()
    assert (row.run, row.status) == (2, "succeeded")


@pytest.mark.django_db(transaction=True)
def test_of_many_retries_at_once_one_runs(api: APIClient, owner: User) -> None:
    batch = work(submit(api, order_form(), BAD))
    replies = at_once([partial(retry, api_of(owner), batch.pk)] * 8)
    assert sorted(reply.status_code for reply in replies) == [202, *[409] * 7]
    assert work(batch.pk).run == 2
    assert [name for name, _ in events(owner)].count("bulk_order.completed") == 2


def test_only_the_submitter_retries(api: APIClient, owner: User, outsider: User) -> None:
    batch = work(submit(api, BAD))
    assert retry(api_of(outsider), batch.pk).status_code == 404
    assert retry(APIClient(), batch.pk).status_code == 401
    assert retry(key_of(owner, "bulk_orders:read"), batch.pk).status_code == 403
    assert not Chunk.objects.exists()
    assert retry(key_of(owner, "bulk_orders:write"), batch.pk).status_code == 202
