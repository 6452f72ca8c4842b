"""The pages of users and roles: what they say of a password, of permissions, and of what a deletion takes along."""

from collections.abc import Callable

from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from config.console.tests.conftest import make_staff
from config.lib.audit import AuditEntry

Sessions = Callable[[User], Client]


def page(client: Client, user: User) -> str:
    reply = client.get(reverse("admin:auth_user_change", args=[user.pk]))
    assert reply.status_code == 200
    return reply.content.decode()


def test_nobody_sees_how_a_password_is_stored(admin: User, auditor: User, partner: User, session: Sessions) -> None:
    for reader, may_change in ((admin, True), (auditor, False)):
        text = page(session(reader), partner)
        assert "Set, and readable by nobody" in text
        assert ("../password/" in text) == may_change, reader
        for told in ("algorithm", partner.password):
            assert told not in text, reader
    partner.set_unusable_password()
    partner.save()
    assert "None: they do not log in with one" in page(session(admin), partner)


def test_the_long_list_of_permissions_is_folded_unless_something_of_it_was_given(
    admin: User, operations: User, session: Sessions
) -> None:
    client = session(admin)

    def folded() -> object:
        fieldsets = client.get(reverse("admin:auth_user_change", args=[operations.pk])).context["adminform"].fieldsets
        return next(told["classes"] for name, told in fieldsets if name == "Permissions beyond the roles")

    assert folded() == ("collapse",)
    operations.user_permissions.add(Permission.objects.filter(codename="reveal_secret")[0])
    assert folded() == ()
    assert "Can reveal secrets (integration)" in page(client, operations)


def test_permissions_that_are_ticked_are_given_and_written_down(
    admin: User, operations: User, session: Sessions
) -> None:
    given = Permission.objects.filter(codename="reveal_secret")[0]
    url = reverse("admin:auth_user_change", args=[operations.pk])
    answers = {"username": "operations", "is_active": "on", "is_staff": "on", "user_permissions": [given.pk]}
    assert session(admin).post(url, answers).status_code == 302
    assert list(operations.user_permissions.all()) == [given]
    assert AuditEntry.objects.get(action="user.changed").after["user_permissions"] == [str(given)]
    assert not operations.groups.exists()


def test_the_deletion_of_a_role_tells_whom_it_concerns(admin: User, session: Sessions) -> None:
    role = Group.objects.create(name="Interns")
    role.permissions.set(Permission.objects.all()[:3])
    make_staff("intern").groups.add(role)
    client, url = session(admin), reverse("admin:auth_group_delete", args=[role.pk])
    text = client.get(url).content.decode()
    assert "People who have them" in text
    assert "relationship" not in text
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert not Group.objects.filter(pk=role.pk).exists()
    assert User.objects.filter(username="intern").exists()
