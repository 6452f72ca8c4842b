from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.lib.valkey import client
from webhooks.addresses import parse_networks
from webhooks.engine import Engine
from webhooks.tests.factories import make_user
from webhooks.tests.receiver import Receiver
from webhooks.transport import Transport

LOOPBACK = ["127.0.0.0/8", "::1/128"]


@pytest.fixture(autouse=True)
def loopback_is_open(settings: pytest.FixtureRequest) -> None:
    settings.WEBHOOKS_ALLOWED_NETWORKS = LOOPBACK  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def nobody_lingers() -> None:
    """What another test's engine has noted in Valkey is not this one's."""
    client().flushdb()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def owner(db: None) -> User:
    return make_user("owner")


@pytest.fixture
def outsider(db: None) -> User:
    return make_user("outsider")


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(timeout=5, allowed=parse_networks(LOOPBACK))
    yield transport
    transport.close()


@pytest.fixture
def deliver(transport: Transport) -> Callable[[], int]:
    """Send all that is due, as a worker would, and return the number of attempts."""

    def run() -> int:
        engine = Engine(transport)
        engine.deliver_due()
        return engine.attempts

    return run


def session_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def as_owner(owner: User) -> Client:
    return session_of(owner)


@pytest.fixture
def as_outsider(outsider: User) -> Client:
    return session_of(outsider)
