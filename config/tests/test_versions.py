"""A second version beside the first, and a first one that announces its end."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from django.conf import LazySettings
from django.test import Client
from rest_framework.versioning import BaseVersioning

from config.lib.versions import Retirement, version_of
from integrations.tests.factories import a_user, session_of

pytestmark = pytest.mark.django_db

DEPRECATED = datetime(2027, 1, 1, tzinfo=UTC)
SUNSET = datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC)
READ_ON = "https://gateway.example/docs/v2"


@pytest.fixture
def two_versions(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ALLOWED_VERSIONS would: the framework reads that setting when it is loaded, so here it is told directly."""
    settings.ROOT_URLCONF = "config.tests.urls_with_v2"
    monkeypatch.setattr(BaseVersioning, "allowed_versions", ["v1", "v2"])


@pytest.fixture
def retired_first_version(settings: LazySettings) -> None:
    settings.API_RETIREMENTS = {"v1": Retirement(DEPRECATED, SUNSET, READ_ON)}


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/api/webhooks", "v1"),
        ("/api/v1/webhooks", "v1"),
        ("/api/v2/webhooks", "v2"),
        ("/api/v1beta", "v1"),
        ("/admin/", None),
        ("/apis/", None),
    ],
)
def test_a_path_tells_its_version(path: str, version: str | None) -> None:
    assert version_of(path) == version


@pytest.mark.usefixtures("two_versions")
def test_a_second_version_answers_beside_the_first() -> None:
    user = a_user()
    client = session_of(user)
    assert client.get("/api/v2/auth/me").json() == {"version": "v2", "username": user.username}
    for path in ("/api/v1/auth/me", "/api/auth/me"):
        assert client.get(path).json()["user"]["username"] == user.username
    assert client.get("/api/v2/webhooks").json() == []
    assert client.get("/api/v2/nowhere").json()["code"] == "unknown_route"


def test_a_version_that_nobody_has_announced_is_unknown(client: Client) -> None:
    assert client.get("/api/v2/webhooks").status_code == 404


@pytest.mark.usefixtures("two_versions", "retired_first_version")
@pytest.mark.parametrize("path", ["/api/v1/webhooks", "/api/webhooks", "/api/v1/nowhere", "/api/health"])
def test_every_reply_of_a_retired_version_tells_its_end(path: str) -> None:
    response = session_of(a_user()).get(path)
    assert response.headers["Deprecation"] == "@1798761600"
    assert parsedate_to_datetime(response.headers["Sunset"]) == SUNSET
    assert f'<{READ_ON}>; rel="deprecation", <{READ_ON}>; rel="sunset"' in response.headers["Link"]


@pytest.mark.usefixtures("retired_first_version")
def test_who_is_not_let_in_is_told_too(client: Client) -> None:
    response = client.get("/api/webhooks")
    assert response.status_code == 401
    assert "Deprecation" in response.headers


@pytest.mark.usefixtures("retired_first_version")
def test_the_link_of_a_list_stays_beside_it(settings: LazySettings) -> None:
    settings.WEBHOOKS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    client = session_of(a_user())
    for number in range(2):
        body = {"url": f"http://127.0.0.1/{number}", "events": ["order.created"]}
        assert client.post("/api/webhooks", body, content_type="application/json").status_code == 201
    link = client.get("/api/webhooks?limit=1").headers["Link"]
    assert [part.rpartition("rel=")[2] for part in link.split(", ")] == ['"next"', '"deprecation"', '"sunset"']


@pytest.mark.usefixtures("two_versions", "retired_first_version")
@pytest.mark.parametrize("path", ["/api/v2/webhooks", "/livez"])
def test_nothing_else_speaks_of_an_end(path: str) -> None:
    response = session_of(a_user()).get(path)
    assert not {"Deprecation", "Sunset"} & set(response.headers)


def test_nothing_is_retired_today(client: Client) -> None:
    assert "Deprecation" not in client.get("/api/webhooks").headers
