"""Log-in for people: the session, its CSRF token, and the guesser's lockout."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from prometheus_client import REGISTRY

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("asha", "asha@partner.example", PASSWORD, first_name="Asha", last_name="Rao")


def log_in(client: Client, **credentials: Any) -> Any:
    return client.post("/api/auth/login", credentials, "application/json")


def test_login_opens_a_session_and_gives_a_csrf_token(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    response = log_in(client, username="asha", password=PASSWORD)
    assert response.status_code == 200
    assert response.json() == {
        "user": {
            "id": user.pk,
            "username": "asha",
            "fullName": "Asha Rao",
            "email": "asha@partner.example",
            "role": "partner",
        },
        "message": "Login successful",
    }
    assert {"sessionid", "csrftoken"} <= set(response.cookies)
    assert client.get("/api/auth/me").json()["user"]["username"] == "asha"


def test_an_unsafe_call_needs_the_csrf_token(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    token = log_in(client, username="asha", password=PASSWORD).cookies["csrftoken"].value
    refusal = client.post("/api/auth/logout", {}, "application/json")
    assert (refusal.status_code, refusal.json()["code"]) == (403, "csrf_failed")
    assert client.get("/api/auth/me").status_code == 200
    assert client.post("/api/auth/logout", {}, "application/json", headers={"X-CSRFToken": token}).status_code == 200
    assert client.get("/api/auth/me").status_code == 401


def test_the_session_key_changes_at_login(user: User, client: Client) -> None:
    log_in(client, username="asha", password=PASSWORD)
    first = client.cookies["sessionid"].value
    log_in(client, username="asha", password=PASSWORD)
    assert client.cookies["sessionid"].value != first


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "asha"},
        {"password": PASSWORD},
        {"username": "", "password": ""},
        {"username": ["a"], "password": {}},
        {"username": "asha", "password": 5},
    ],
)
def test_a_missing_field_is_a_bad_request(user: User, client: Client, body: dict[str, Any]) -> None:
    response = log_in(client, **body)
    assert (response.status_code, response.json()["code"]) == (400, "validation_error")
    assert "sessionid" not in response.cookies


@pytest.mark.parametrize(
    ("username", "password"), [("asha", "wrong"), ("nobody", PASSWORD), ("ASHA", PASSWORD), ("asha", PASSWORD + " ")]
)
def test_wrong_credentials_all_get_the_same_answer(user: User, client: Client, username: str, password: str) -> None:
    response = log_in(client, username=username, password=password)
    assert response.status_code == 401
    assert response.json()["message"] == "Invalid username or password"
    assert "sessionid" not in response.cookies


def test_a_deactivated_user_does_not_get_in(user: User, client: Client) -> None:
    User.objects.update(is_active=False)
    assert log_in(client, username="asha", password=PASSWORD).status_code == 401


def test_guessing_is_locked_out_by_name_and_address(user: User, client: Client, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        log_in(client, username="asha", password="guess")
    response = log_in(client, username="asha", password=PASSWORD)
    assert (response.status_code, response.json()["code"]) == (429, "locked_out")
    assert response.headers["Retry-After"]
    assert "X-RateLimit-Limit" in response.headers
    page = client.post("/admin/login/", {"username": "asha", "password": PASSWORD})
    assert (page.status_code, page["Retry-After"]) == (429, response["Retry-After"])
    assert "<h1>Too many failed log-ins</h1>" in page.content.decode()
    elsewhere = Client(REMOTE_ADDR="10.9.8.7")
    assert log_in(elsewhere, username="asha", password=PASSWORD).status_code == 200


def log_ins(outcome: str) -> float:
    return REGISTRY.get_sample_value("gateway_log_ins_total", {"outcome": outcome}) or 0


def test_log_ins_are_counted_at_the_api_and_at_the_console(user: User, client: Client) -> None:
    User.objects.update(is_staff=True)
    before = log_ins("refused"), log_ins("logged_in")
    log_in(client, username="asha", password="guess")
    client.post("/admin/login/", {"username": "asha", "password": "guess"})
    assert (log_ins("refused"), log_ins("logged_in")) == (before[0] + 2, before[1])
    client.post("/admin/login/", {"username": "asha", "password": PASSWORD})
    assert log_ins("logged_in") == before[1] + 1


@pytest.mark.parametrize("group", ["Operations", "Support", "Auditor"])
def test_the_role_is_the_group(user: User, client: Client, group: str) -> None:
    user.groups.add(Group.objects.get(name=group))
    assert log_in(client, username="asha", password=PASSWORD).json()["user"]["role"] == group.lower()


def test_the_superuser_is_admin(client: Client) -> None:
    User.objects.create_superuser("root", "root@gateway.example", PASSWORD)
    assert log_in(client, username="root", password=PASSWORD).json()["user"]["role"] == "admin"


def test_me_without_a_session_is_unauthorized(client: Client) -> None:
    response = client.get("/api/auth/me")
    assert (response.status_code, response.json()["message"]) == (401, "Unauthorized")
