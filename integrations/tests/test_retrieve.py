"""GET /api/integrations/{id}"""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations import usage
from integrations.configuration import MASK
from integrations.tests.factories import an_integration, key_of

URL = "/api/integrations/{}"
NOT_FOUND = {
    "success": False,
    "message": "Integration not found",
    "errors": ["Integration not found"],
    "code": "not_found",
}


def test_shows_key_scopes_and_config_but_no_secret(as_owner: Client, owner: User) -> None:
    config = {"keyId": "rzp_test_1", "keySecret": "s3cret"}
    integration = an_integration(
        owner, type="payment_gateway", template_id="razorpay", config=config, webhook_secret="whsec_hidden"
    )
    response = as_owner.get(URL.format(integration.pk))
    body = response.json()
    assert (body["apiKey"], body["scopes"]) == (integration.api_key, ["orders:read", "payments:write"])
    assert body["config"] == {"keyId": "rzp_test_1", "keySecret": MASK}
    assert (body["webhookId"], body["template"], body["usageCount"]) == (None, "razorpay", 0)
    for secret in (integration.api_secret, "whsec_hidden", "s3cret"):
        assert secret not in response.text


def test_calls_count_at_once_and_stay_counted_after_the_roll_up(as_owner: Client, owner: User) -> None:
    integration = an_integration(owner)
    for _ in range(3):
        key_of(integration).get("/api/integrations/me")
    before = as_owner.get(URL.format(integration.pk)).json()
    assert before["usageCount"] == 3
    assert before["lastUsedAt"]
    assert usage.roll_up() == 1
    assert as_owner.get(URL.format(integration.pk)).json() == before


@pytest.mark.parametrize("known", [True, False])
def test_anothers_id_answers_as_an_unknown_one(as_outsider: Client, owner: User, *, known: bool) -> None:
    pk = an_integration(owner).pk if known else "int_1767225600000_0123456789abcdef"
    response = as_outsider.get(URL.format(pk))
    assert (response.status_code, response.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize("pk", ["x", "1", "😀", "x" * 5000, "%ED%A0%80", "..", "me2"])
def test_any_other_text_is_an_unknown_id(as_owner: Client, pk: str) -> None:
    assert as_owner.get(URL.format(pk)).status_code == 404


def test_needs_a_session(owner: User) -> None:
    integration = an_integration(owner)
    assert Client().get(URL.format(integration.pk)).status_code == 401
    assert key_of(integration).get(URL.format(integration.pk)).status_code == 403
