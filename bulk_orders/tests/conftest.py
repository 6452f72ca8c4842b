"""The people of the tests, and how they call."""

from collections.abc import Callable

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
def make_checker(db: None) -> Callable[[str], User]:
    def make(name: str) -> User:
        user = User.objects.create_user(name, is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="authorize_order"))
        return user

    return make


@pytest.fixture
def checker(make_checker: Callable[[str], User]) -> User:
    return make_checker("checker")


@pytest.fixture
def other_checker(make_checker: Callable[[str], User]) -> User:
    return make_checker("other checker")


@pytest.fixture
def api(owner: User) -> APIClient:
    """Calls as `owner`."""
    return api_of(owner)
