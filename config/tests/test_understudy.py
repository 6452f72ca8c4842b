"""With Valkey away, the rows are still the work: somebody beside the worker does it."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

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


@pytest.fixture
def valkey_is_gone(settings: Any) -> Iterator[None]:
    with own_valkey(settings) as server:
        server.stop()
        yield


@pytest.fixture
def sigterm_is_ours() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("valkey_is_gone", "sigterm_is_ours")
def test_a_stand_in_whose_worker_ended_before_it_was_ready_ends_at_once() -> None:
    call_command("stand_in", str(os.getpid()))  # which is not its parent's


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey_is_gone", "sigterm_is_ours")
def test_told_to_end_a_stand_in_ends_though_postgresql_is_gone_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(understudy, "LOOK_SECONDS", 0.05)
    with monkeypatch.context() as nowhere:
        connection.close()
        nowhere.setitem(connection.settings_dict, "HOST", "/nowhere")
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        call_command("stand_in", str(os.getppid()))
