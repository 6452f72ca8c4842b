import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations.tests.factories import a_user, session_of


@pytest.fixture
def owner(db: None) -> User:
    return a_user(email="owner@example.com")


@pytest.fixture
def outsider(db: None) -> User:
    return a_user()


@pytest.fixture
def staff(db: None) -> User:
    return a_user(is_staff=True)


@pytest.fixture
def as_owner(owner: User) -> Client:
    return session_of(owner)


@pytest.fixture
def as_outsider(outsider: User) -> Client:
    return session_of(outsider)
