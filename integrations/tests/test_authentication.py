"""A key, proved by its secret or a signature, and every reason to refuse it."""

import base64
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import encode_multipart
from django.utils import timezone

from config.lib.encryption import decrypt
from config.lib.valkey import client as valkey
from integrations import authentication
from integrations.credentials import new_api_key, new_api_secret, request_signature
from integrations.lockout import FAILURES
from integrations.models import Integration, IntegrationStatus, UsageLog
from integrations.tests.factories import an_integration, key_of

ME = "/api/integrations/me"
UNAUTHORIZED = {
    "success": False,
    "message": "Unauthorized",
    "errors": ["Unauthorized"],
    "code": "not_authenticated",
}


@pytest.fixture
def integration(owner: User) -> Integration:
    return an_integration(owner)


@pytest.fixture(autouse=True)
def no_lockout() -> Iterator[None]:
    yield
    for key in valkey().scan_iter("rate:{lockout:*"):
        valkey().delete(key)


def signed(
    integration: Integration, *, path: str = ME, at: float | None = None, body: bytes = b"", **wrong: str
) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    parts: dict[str, Any] = {"timestamp": timestamp, "method": "GET", "target": path, "body": body}
    signature = request_signature(integration.api_secret, **(parts | wrong))
    return {"X-API-Key": integration.api_key, "X-API-Timestamp": timestamp, "X-API-Signature": signature}


def basic(key: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()}


def test_key_and_secret_in_headers_pass(integration: Integration) -> None:
    response = key_of(integration).get(ME)
    assert (response.status_code, response.json()["id"]) == (200, integration.pk)


def test_a_secret_that_was_proven_is_not_decrypted_for_every_call_but_for_every_refusal(
    integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def noted(token: str) -> str:
        opened.append(token)
        return decrypt(token)

    monkeypatch.setattr(authentication, "decrypt", noted)
    right = key_of(integration)
    answers = [right.get(ME).status_code for _ in range(3)]
    assert (answers, len(opened)) == ([200] * 3, 1)
    wrong = key_of(integration, **{"X-API-Secret": new_api_secret()})
    answers = [wrong.get(ME).status_code for _ in range(3)]
    assert (answers, len(opened)) == ([401] * 3, 4)
    assert (right.get(ME).status_code, len(opened)) == (200, 5)


def test_what_was_proven_before_is_refused_from_the_next_call_on(integration: Integration) -> None:
    client = key_of(integration)
    assert client.get(ME).status_code == 200
    rows = Integration.objects.filter(pk=integration.pk)
    rows.update(status=IntegrationStatus.INACTIVE)
    assert [client.get(ME).status_code for _ in range(2)] == [401, 401]
    rows.update(status=IntegrationStatus.ACTIVE)
    assert client.get(ME).status_code == 200
    rows.update(api_secret=new_api_secret())
    assert client.get(ME).status_code == 401


def test_what_few_calls_ask_for_is_read_by_those_that_do(integration: Integration) -> None:
    claim = authentication.Claim(integration.api_key, integration.api_secret, signed=None)
    found = authentication.authenticate(claim, address="127.0.0.1", now=timezone.now())
    assert (found, found.user) == (integration, integration.user)
    assert (found.created_at, found.user.email) == (integration.created_at, integration.user.email)


def test_key_and_secret_as_basic_authentication_pass(integration: Integration) -> None:
    response = Client().get(ME, headers=basic(integration.api_key, integration.api_secret))
    assert (response.status_code, response.json()["id"]) == (200, integration.pk)


def test_a_signature_passes_in_place_of_the_secret(integration: Integration) -> None:
    path = f"{ME}?a=1&b=%20"
    assert Client().get(path, headers=signed(integration, path=path)).status_code == 200


def test_the_body_is_part_of_the_signature(integration: Integration) -> None:
    body, path = b'{"a": 1}', "/api/integrations"
    headers = signed(integration, path=path, method="POST", body=body)
    changed = Client().post(path, b'{"a": 2}', content_type="application/json", headers=headers)
    assert changed.status_code == 401
    # Passes the gate; managing integrations is then not open to keys.
    assert Client().post(path, body, content_type="application/json", headers=headers).status_code == 403


def test_a_signed_body_reaches_the_view(integration: Integration) -> None:
    body, path = b'{"url": "nonsense", "events": []}', "/api/webhooks"
    headers = signed(integration, path=path, method="POST", body=body)
    response = Client().post(path, body, content_type="application/json", headers=headers)
    assert response.status_code == 400
    assert {problem["path"] for problem in response.json()["details"]} >= {"/events"}


def test_a_signed_upload_may_be_larger_than_memory_allows_a_request(integration: Integration, settings: Any) -> None:
    settings.MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    path, rows = "/api/bulk-orders/upload", b"clientRef,amount,no such column\n" + b"1,2,3\n" * 1000
    body = encode_multipart("xyz", {"file": SimpleUploadedFile("orders.csv", rows)})
    headers = signed(integration, path=path, method="POST", body=body)
    response = Client().post(path, body, content_type="multipart/form-data; boundary=xyz", headers=headers)
    assert response.status_code == 400
    assert "no such column" in response.text


def test_a_signed_body_beyond_every_limit_is_not_kept(integration: Integration, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 1000
    headers = signed(integration, path="/api/webhooks", method="POST", body=b"x" * 1001)
    response = Client().post("/api/webhooks", b"x" * 1001, content_type="application/json", headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_a_signature_passes_once(integration: Integration) -> None:
    headers = signed(integration)
    assert [Client().get(ME, headers=headers).status_code for _ in range(3)] == [200, 401, 401]


@pytest.mark.parametrize("age", [-400, 400])
def test_a_signature_of_another_time_is_refused(integration: Integration, age: int) -> None:
    assert Client().get(ME, headers=signed(integration, at=time.time() + age)).status_code == 401


# What is presented, of an integration that would pass.
PRESENTED: dict[str, Callable[[Integration], dict[str, str]]] = {
    "unknown key": lambda its: {"X-API-Key": new_api_key(), "X-API-Secret": its.api_secret},
    "a key that is none": lambda its: {"X-API-Key": "x" * 4000, "X-API-Secret": its.api_secret},
    "NUL in the key": lambda its: basic(f"{its.api_key}\x00", its.api_secret),
    "NUL alone": lambda _: basic("\x00", "\x00"),
    "wrong secret": lambda its: {"X-API-Key": its.api_key, "X-API-Secret": new_api_secret()},
    "no secret": lambda its: {"X-API-Key": its.api_key},
    "another's secret": lambda its: {"X-API-Key": its.api_key, "X-API-Secret": an_integration(its.user).api_secret},
    "wrong signature": lambda its: signed(its, target="/api/integrations/you"),
}
# What has changed, of an integration whose key and secret are right.
CHANGED: dict[str, dict[str, Any]] = {
    "pending": {"status": "pending"},
    "inactive": {"status": "inactive"},
    "suspended": {"status": "suspended"},
    "expired": {"expires_at": timezone.now()},
    "foreign address": {"allowed_networks": ["10.0.0.0/8", "2001:db8::/32"]},
    "a signature is required": {"require_signature": True},
}
UNKNOWN = list(PRESENTED)[:4]
KNOWN = [*list(PRESENTED)[4:], *CHANGED, "deactivated user", "replaced, its grace over"]


def refused(integration: Integration, case: str) -> dict[str, str]:
    """Headers that must not pass, in a database that was changed to match."""
    if case in PRESENTED:
        return PRESENTED[case](integration)
    rows = Integration.objects.filter(pk=integration.pk)
    if case == "deactivated user":
        User.objects.filter(pk=integration.user_id).update(is_active=False)
    elif case == "replaced, its grace over":
        old = {"previous_api_key": integration.api_key, "previous_api_secret": integration.api_secret}
        rows.update(**old, api_key=new_api_key(), previous_valid_until=timezone.now() - timedelta(seconds=1))
    else:
        rows.update(**CHANGED[case])
    return {"X-API-Key": integration.api_key, "X-API-Secret": integration.api_secret}


@pytest.mark.parametrize("case", UNKNOWN + KNOWN)
def test_every_refusal_is_the_same_401(integration: Integration, case: str) -> None:
    response = Client().get(ME, headers=refused(integration, case))
    assert (response.status_code, response.json()) == (401, UNAUTHORIZED)
    integration.refresh_from_db()
    assert (integration.usage_count, integration.last_used_at) == (0, None)


def test_refusals_are_alike_to_the_byte(integration: Integration) -> None:
    replies = set()
    for case in UNKNOWN + KNOWN:
        response = Client().get(ME, headers=refused(integration, case))
        told = {name: value for name, value in response.headers.items() if not re.search("Rate|Request-Id", name)}
        replies.add((response.content, str(sorted(told.items()))))
        integration.save()
        integration.user.save()
    assert len(replies) == 1


@pytest.mark.parametrize("case", KNOWN)
def test_the_owner_reads_why_in_the_usage_log(integration: Integration, case: str) -> None:
    Client().get(ME, headers=refused(integration, case))
    entry = UsageLog.objects.get(integration=integration)
    assert (entry.endpoint, entry.method, entry.status_code) == (ME, "GET", 401)
    assert entry.error
    assert integration.api_secret not in entry.error


@pytest.mark.parametrize("case", UNKNOWN)
def test_an_unknown_key_leaves_no_log(integration: Integration, case: str) -> None:
    Client().get(ME, headers=refused(integration, case))
    assert not UsageLog.objects.exists()


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Bearer abc", "Basic " + base64.b64encode(b"x").decode()])
def test_a_header_that_claims_no_key_is_anonymous(db: None, header: str) -> None:
    response = Client().get(ME, headers={"Authorization": header})
    assert (response.status_code, response.json()) == (401, UNAUTHORIZED)


def test_a_key_is_judged_even_beside_a_session(integration: Integration, as_owner: Client) -> None:
    assert as_owner.get(ME, headers={"X-API-Key": integration.api_key}).status_code == 401


def test_an_address_of_the_allow_list_passes(integration: Integration) -> None:
    Integration.objects.update(allowed_networks=["127.0.0.0/8", "10.0.0.1/32"])
    assert key_of(integration).get(ME).status_code == 200
    assert key_of(integration).get(ME, REMOTE_ADDR="::ffff:10.0.0.1").status_code == 200
    assert key_of(integration).get(ME, REMOTE_ADDR="10.0.0.2").status_code == 401


def test_a_forged_forwarding_header_does_not_open_the_allow_list(integration: Integration) -> None:
    Integration.objects.update(allowed_networks=["10.0.0.0/8"])
    assert key_of(integration).get(ME, headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 401


def test_during_a_grace_both_pairs_pass(integration: Integration) -> None:
    old = {"previous_api_key": integration.api_key, "previous_api_secret": integration.api_secret}
    old_client = key_of(integration)
    integration.api_key, integration.api_secret = new_api_key(), new_api_secret()
    integration.save()
    Integration.objects.update(**old, previous_valid_until=timezone.now() + timedelta(hours=1))
    assert old_client.get(ME).status_code == 200
    assert key_of(integration).get(ME).status_code == 200
    crossed = {"X-API-Key": integration.api_key, "X-API-Secret": old["previous_api_secret"]}
    assert Client().get(ME, headers=crossed).status_code == 401


def test_guessing_locks_the_key_out_from_that_address_only(integration: Integration) -> None:
    guess = {"X-API-Key": integration.api_key, "X-API-Secret": new_api_secret()}
    codes = [Client().get(ME, headers=guess).status_code for _ in range(FAILURES.limit + 1)]
    assert codes == [401] * FAILURES.limit + [429]
    locked = key_of(integration).get(ME)
    assert (locked.status_code, locked.json()["code"]) == (429, "locked_out")
    assert 0 < int(locked.headers["Retry-After"]) <= 900
    assert key_of(integration).get(ME, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_an_unknown_key_is_locked_out_like_a_known_one(db: None) -> None:
    guess = {"X-API-Key": new_api_key(), "X-API-Secret": new_api_secret()}
    codes = [Client().get(ME, headers=guess).status_code for _ in range(FAILURES.limit + 1)]
    assert codes == [401] * FAILURES.limit + [429]


def test_what_is_no_guess_locks_nobody_out(integration: Integration) -> None:
    Integration.objects.update(status="inactive")
    codes = {key_of(integration).get(ME).status_code for _ in range(FAILURES.limit + 5)}
    assert codes == {401}
    Integration.objects.update(status="active")
    assert key_of(integration).get(ME).status_code == 200


def test_one_failed_key_does_not_lock_its_neighbour_out(integration: Integration, owner: User) -> None:
    for _ in range(FAILURES.limit + 1):
        Client().get(ME, headers={"X-API-Key": integration.api_key, "X-API-Secret": "guess"})
    assert key_of(an_integration(owner)).get(ME).status_code == 200


def test_a_staff_members_key_has_no_staff_powers(staff: User) -> None:
    response = key_of(an_integration(staff)).get("/admin/")
    assert response.status_code == 302
    assert "/login/" in response.headers["Location"]
