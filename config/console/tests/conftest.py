"""People of every role, and a small world for them to look at."""

from collections.abc import Callable, Iterator
from importlib import import_module

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from config.console.tests.world import Rows, World, make_rows, make_world
from webhooks.tests.receiver import Receiver

ROLES = import_module("config.migrations.0001_roles").PERMISSIONS


def session_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def make_staff(name: str, role: str | None = None) -> User:
    user = User.objects.create_user(name, password="a long pass-phrase", is_staff=True)
    if role:
        # A test that emptied all tables has taken the roles along.
        group, made = Group.objects.get_or_create(name=role)
        if made:
            group.permissions.set(Permission.objects.filter(codename__in=ROLES[role]))
        user.groups.add(group)
    return user


@pytest.fixture
def session() -> Callable[[User], Client]:
    return session_of


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("admin", password="a long pass-phrase")


@pytest.fixture
def operations(db: None) -> User:
    return make_staff("operations", "Operations")


@pytest.fixture
def support(db: None) -> User:
    return make_staff("support", "Support")


@pytest.fixture
def auditor(db: None) -> User:
    return make_staff("auditor", "Auditor")


@pytest.fixture
def newcomer(db: None) -> User:
    """Staff without a role."""
    return make_staff("newcomer")


@pytest.fixture
def partner(db: None) -> User:
    return User.objects.create_user("partner", password="a long pass-phrase")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def world(partner: User, receiver: Receiver, settings: pytest.FixtureRequest) -> World:
    settings.WEBHOOKS_ALLOWED_NETWORKS = ["127.0.0.0/8"]  # type: ignore[attr-defined]
    return make_world(partner, receiver.url)


@pytest.fixture
def rows(world: World) -> Rows:
    return make_rows(world)
