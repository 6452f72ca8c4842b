"""The id of a request goes along: from the call over the task of a worker to the webhook that comes of it."""

from config.demo.orders import forms
from config.lib.devservices.processes import until
from config.tests.demo import Demo
from webhooks.tests.receiver import Receiver


def test_the_id_of_a_batchs_request_arrives_with_its_webhooks(demo: Demo) -> None:
    with Receiver() as receiver:
        events = ["order.created", "bulk_order.completed"]
        webhook = demo.post("/api/webhooks", {"url": receiver.url, "events": events}).json()
        try:
            reply = demo.post("/api/bulk-orders", {"orders": forms(2)}, {"X-Request-Id": "partner-17"})
            assert reply.status_code == 202
            assert reply.headers["X-Request-Id"] == "partner-17"
            assert until(lambda: len(receiver.received) == 1 + reply.json()["summary"]["submitted"], seconds=20)
        finally:
            demo.delete(f"/api/webhooks/{webhook['id']}")
    assert {received.headers["x-request-id"] for received in receiver.received} == {"partner-17"}
