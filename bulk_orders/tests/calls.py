"""Ways of calling the API, and of doing what workers do."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from bulk_orders import tasks
from bulk_orders.models import Batch, Order
from bulk_orders.states import Status
from bulk_orders.tests.forms import order_form
from config.lib import exact_json
from webhooks.events import CATALOGUE, EventName

BATCHES = "/api/bulk-orders"
ORDERS = "/api/order-management/orders"


def api_of(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


def key_of(user: User, *scopes: str, **fields: Any) -> APIClient:
    """A client that calls with an integration's key. The app is named, not imported: the two do not know each other."""
    integration = apps.get_model("integrations", "Integration")
    number = integration.objects.count()
    key, secret = f"ak_1767225600000_{number:032x}", f"sk_{number:064x}"
    integration.objects.create(
        **{"user": user, "name": "ERP", "type": "custom", "status": "active", "api_key": key, "api_secret": secret}
        | {"scopes": list(scopes)}
        | fields
    )
    client = APIClient()
    client.credentials(HTTP_X_API_KEY=key, HTTP_X_API_SECRET=secret)
    return client


def post(client: APIClient, path: str, body: Any, **headers: str) -> Any:
    """POST with the exact figures of `body`; bytes are sent as they are."""
    text: Any = body if isinstance(body, bytes) else exact_json.dumps(body)
    names: Any = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return client.generic("POST", path, text, content_type="application/json", **names)


def submit(client: APIClient, *rows: Any, **options: bool) -> str:
    """Submit a batch; answers its id."""
    reply = post(client, BATCHES, {"orders": list(rows), "options": options})
    assert reply.status_code == 202, reply.content
    batch_id: str = reply.json()["batchId"]
    return batch_id


def work(batch_id: str) -> Batch:
    """What a worker does once it is nudged."""
    tasks.process_batch(batch_id)
    return Batch.objects.get(pk=batch_id)


def an_order(user: User, **fields: Any) -> Order:
    number = Order.objects.count()
    values = {"model_order_id": f"MO-20260101-TEST{number:08}", "trace_id": "TRACE-1-abcdefg"}
    return Order.objects.create(
        **values | {"client": user, "order_form_data": order_form(), "status": Status.PENDING_APPROVAL} | fields
    )


def events(user: User) -> list[tuple[str, dict[str, Any]]]:
    """What `user`'s webhooks would hear, in order: each as the catalogue says, and nothing that it does not name."""
    rows = apps.get_model("webhooks", "Event").objects.filter(user=user).order_by("created_at", "id")
    for event in rows:
        schema = CATALOGUE[EventName(event.name)].schema
        Draft202012Validator(schema).validate(event.data)
        assert set(event.data) <= set(schema["properties"])
    return [(event.name, event.data) for event in rows]


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each answers, of as many threads that begin together."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
