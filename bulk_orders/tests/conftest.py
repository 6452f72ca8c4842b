"""The people of the tests, and how they call."""

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient

from bulk_orders.tests.calls import api_of


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("owner")


@pytest.fixture
def outsider(db: None) -> User:
    return User.objects.create_user("outsider")


@pytest.fixture
def checker(db: None) -> User:
    return a_checker("checker")


@pytest.fixture
def other_checker(db: None) -> User:
    return a_checker("other checker")


def a_checker(name: str) -> User:
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="authorize_order"))
    return user


@pytest.fixture
def api(owner: User) -> APIClient:
    """Calls as `owner`."""
    return api_of(owner)
