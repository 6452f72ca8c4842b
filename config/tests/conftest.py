from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from config.lib.devservices.processes import until
from config.tests.demo import Demo, running
from webhooks.tests.receiver import Receiver, Status


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """One whole system for all tests that look at it from outside. Whoever stops a part of it starts it again.

    In the end it is told to stop while a call is under way, which must get its answer.
    """
    with Receiver() as receiver, ThreadPoolExecutor() as pool:
        receiver.answers(Status(delay=1.5))
        with running("--orders", "75") as demo:
            yield demo
            last = pool.submit(call_that_takes_long, demo, receiver.url)
            assert until(lambda: bool(receiver.received), seconds=20)
        assert last.result().json()["success"] is True


def call_that_takes_long(demo: Demo, url: str) -> requests.Response:
    """A test of an endpoint is sent by the call itself."""
    webhook = demo.post("/api/webhooks", {"url": url, "events": ["order.failed"]}).json()
    return demo.post(f"/api/webhooks/{webhook['id']}/test")
