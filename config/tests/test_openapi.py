"""The OpenAPI document is true: no call made from it gets an answer that it does not name, and none fails on our side.

The calls are schemathesis', made from the document, right and wrong ones; the same ones in every run, some for each.
"""

import json
from collections import Counter
from contextlib import redirect_stderr, suppress
from http.cookies import SimpleCookie
from io import StringIO
from typing import Any

import jsonschema
import pytest
import requests
import schemathesis
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from bulk_orders.tests.calls import an_order, api_of, submit
from bulk_orders.tests.forms import order_form
from config import api
from config.examples import EXAMPLES
from integrations.tests.factories import an_integration
from webhooks.models import DeliveryStatus
from webhooks.tests.factories import make_delivery, make_webhook

generator: Any = SchemaGenerator
document = json.loads(json.dumps(generator(patterns=api.documented, api_version="v1").get_schema(public=True)))
found: Any = schemathesis.openapi.from_dict(document).get_all_operations()
calls = [each.ok() for each in found]
few = settings(
    max_examples=4,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def owner(db: None) -> User:
    """An owner who may do everything else, too: calls shall come as far as they can."""
    return User.objects.create_superuser("owner", password="correct horse battery")


@pytest.fixture
def ids(owner: User) -> dict[str, str]:
    webhook = make_webhook(owner, "http://127.0.0.1:9/")
    delivery = make_delivery(webhook, status=DeliveryStatus.FAILED, attempts=5, next_retry_at=None)
    return {
        "webhook_id": webhook.pk,
        "delivery_id": delivery.pk,
        "batch_id": submit(api_of(owner), order_form(), validateOnly=True),
        "id": an_integration(owner).pk,
        "order": str(an_order(owner).pk),
    }


def answer(client: Client, case: Any, ids: dict[str, str]) -> Any:
    """What the API says to a made-up call about things that there are."""
    sent = case.as_transport_kwargs(base_url="http://testserver")
    sent["url"] = "http://testserver" + case.path.format(**ids)
    sent.pop("cookies", None)
    call = requests.Request(**sent).prepare()
    kind = call.headers.pop("Content-Type", "application/json")
    # Latin-1 is what a header can hold at all.
    headers = {name: str(value) for name, value in call.headers.items() if name.lower() == "idempotency-key"}
    return client.generic(str(call.method), call.path_url, call.body or b"", content_type=kind, headers=headers)


def wrong_answers(
    call: Any, mode: GenerationMode, client: Client, ids: dict[str, str], seen: Counter[int]
) -> list[str]:
    named, wrong = document["paths"][call.path][call.method]["responses"], []

    @given(case=call.as_strategy(generation_mode=mode))
    @few
    def look(case: Any) -> None:
        reply = answer(client, case, ids)
        seen[reply.status_code] += 1
        # Health tells that parts are down: no worker runs here.
        is_ours = reply.status_code >= 500 and not call.path.endswith("/health")
        if is_ours or str(reply.status_code) not in named:
            wrong.append(f"{call.method} {call.path}: {reply.status_code} {reply.content[:300]}")

    with suppress(Unsatisfiable):  # some calls cannot be made wrongly
        look()
    return wrong


def test_no_call_gets_an_answer_that_the_document_does_not_name(owner: User, ids: dict[str, str]) -> None:
    session, wrong, seen = Client(), [], Counter[int]()
    session.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    for call in calls:
        client = Client()
        client.cookies = SimpleCookie(session.cookies.output(header="", sep=";"))  # one of the calls ends a session
        with transaction.atomic():  # what one does is no matter to the next
            wrong += [problem for mode in GenerationMode for problem in wrong_answers(call, mode, client, ids, seen)]
            transaction.set_rollback(True)
    statuses = ", ".join(f"{status}: {number}" for status, number in sorted(seen.items()))
    print(f"{len(calls)} calls of the document, {seen.total()} requests; {statuses}")  # noqa: T201  # seen with -s
    assert not wrong, "\n".join(wrong)
    assert seen[401] < 0.1 * seen.total()  # else hardly anything was called
    assert len(calls) > 45


def test_the_document_is_made_without_a_warning() -> None:
    said = StringIO()
    with redirect_stderr(said):
        call_command("spectacular", "--api-version", "v1", "--validate", "--fail-on-warn", "--file", "/dev/null")
    assert "Warning" not in said.getvalue()


def as_json_schema(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: references resolved, `nullable` spelt out, its own `exclusiveMinimum` left out."""
    if isinstance(schema, list):
        return [as_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if name := str(schema.get("$ref", "")).rpartition("/")[2]:
        return as_json_schema(document["components"]["schemas"][name])
    plain = {key: as_json_schema(part) for key, part in schema.items() if key not in ("nullable", "exclusiveMinimum")}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def bodies_of(call: dict[str, Any]) -> list[dict[str, Any]]:
    """In JSON: what the call is given, and what it answers where it succeeds."""
    told = [call.get("requestBody", {}), *(reply for status, reply in call["responses"].items() if status < "300")]
    return [body["content"]["application/json"] for body in told if "application/json" in body.get("content", {})]


def test_every_body_has_an_example_that_fits_its_shape() -> None:
    bodies = [
        (path, body) for path, calls in document["paths"].items() for call in calls.values() for body in bodies_of(call)
    ]
    assert [path for path, body in bodies if not {"example", "examples"} & set(body)] == []
    for _, body in bodies:
        examples = [each["value"] for each in body["examples"].values()] if "examples" in body else [body["example"]]
        for example in examples:
            jsonschema.validate(example, as_json_schema(body["schema"]))
    assert len(bodies) > 60


def test_every_example_is_shown() -> None:
    shapes, calls = document["components"]["schemas"], str(document["paths"])
    assert [name for name in EXAMPLES if name not in shapes and f"'{name}'" not in calls] == []


def test_every_call_names_its_refusals_and_who_may_make_it() -> None:
    for path, methods in document["paths"].items():
        if path in ("/api/health", "/livez", "/readyz"):
            continue
        for method, call in methods.items():
            wanted = {"400", "401", "403", "429", "503"} | ({"404"} if "{" in path else set())
            wanted |= set() if method == "get" else {"409", "413", "415"}
            assert wanted <= set(call["responses"]), path
            assert call.get("security") or path == "/api/auth/login", path
    schemes = {"session", "csrfToken", "apiKey", "apiSecret", "apiBasic", "apiTimestamp", "apiSignature"}
    assert set(document["components"]["securitySchemes"]) == schemes
    assert document["paths"]["/api/integrations"]["get"]["security"] == [{"session": []}]
    assert {"session": [], "csrfToken": []} in document["paths"]["/api/webhooks"]["post"]["security"]
    assert {"apiKey": [], "apiSecret": []} in document["paths"]["/api/webhooks"]["post"]["security"]
