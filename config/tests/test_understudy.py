"""With Valkey away, the rows are still the work: somebody beside the worker does it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from bulk_orders.models import Batch, Order
from bulk_orders.tests.calls import api_of, submit
from bulk_orders.tests.forms import order_form
from config import understudy
from config.lib import valkey
from config.lib.devservices.processes import until
from config.lib.tests.own_valkey import own_valkey
from webhooks.models import Delivery
from webhooks.tests.factories import make_webhook
from webhooks.tests.receiver import Receiver


def times(count: int) -> Callable[[], bool]:
    left = iter(range(count))
    return lambda: next(left, None) is not None


@pytest.mark.django_db(transaction=True)
def test_without_valkey_batches_are_processed_and_deliveries_sent(settings: Any) -> None:
    settings.WEBHOOKS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    owner = User.objects.create_user("owner")
    with Receiver() as receiver, own_valkey(settings) as server:
        make_webhook(owner, receiver.url)
        server.stop()
        batch_id = submit(api_of(owner), order_form(), order_form())
        assert not Order.objects.exists()
        understudy.carry_on(times(1))
        assert Batch.objects.get(pk=batch_id).status == "completed"
        assert Order.objects.count() == 2
        assert len(receiver.received) == Delivery.objects.filter(status="delivered").count() == 2


def test_a_stand_in_starts_when_valkey_has_gone_and_not_before(settings: Any, tmp_path: Path) -> None:
    mark = tmp_path / "called"
    with own_valkey(settings) as server:
        assert valkey.answers()
        over = understudy.watch(
            (sys.executable, "-c", f"open({str(mark)!r}, 'a').write('.'); import time; time.sleep(60)")
        )
        assert not until(mark.exists, seconds=2 * understudy.LOOK_SECONDS)
        server.stop()
        assert until(mark.exists, seconds=10)
        server.start()
        over.set()
    assert mark.read_text() == "."
