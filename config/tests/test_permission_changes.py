"""Who may do what is changed in the console: each change leaves who did it, from where, and both states."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from structlog.contextvars import clear_contextvars

from config.lib.audit import AuditEntry
from config.lib.valkey import client as valkey

ADDRESS = "203.0.113.7"
PASSWORD = "correct horse battery"


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("root", "root@gateway.example", PASSWORD)


@pytest.fixture
def as_admin(admin: User) -> Client:
    client = Client(REMOTE_ADDR=ADDRESS)
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def clerk(db: None) -> User:
    return User.objects.create_user("clerk", password=PASSWORD, is_staff=True)


def form_of(user: User, **changes: Any) -> dict[str, Any]:
    """What the page of a user sends."""
    fields = {"username": user.username, "first_name": "", "last_name": "", "email": ""}
    flags = {name: "on" for name in ("is_active", "is_staff", "is_superuser") if getattr(user, name)}
    return {name: value for name, value in (fields | flags | changes).items() if value is not None}


def the_entry(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


def test_a_user_who_is_made_superuser_leaves_before_and_after(as_admin: Client, admin: User, clerk: User) -> None:
    support = Group.objects.get(name="Support")
    body = form_of(clerk, is_superuser="on", groups=[support.pk])
    reply = as_admin.post(f"/admin/auth/user/{clerk.pk}/change/", body)
    assert reply.status_code == 302, reply.content
    entry = the_entry("user.changed")
    assert (entry.actor, entry.address, entry.target_id) == ("root", ADDRESS, str(clerk.pk))
    assert entry.before == {"is_superuser": False, "groups": []}
    assert entry.after == {"is_superuser": True, "groups": ["Support"]}


def test_a_role_that_gains_a_permission_leaves_before_and_after(as_admin: Client) -> None:
    group = Group.objects.create(name="Night shift")
    permission = Permission.objects.get(codename="reveal_secret", content_type__app_label="integrations")
    body = {"name": group.name, "permissions": [permission.pk]}
    assert as_admin.post(f"/admin/auth/group/{group.pk}/change/", body).status_code == 302
    entry = the_entry("group.changed")
    assert entry.before == {"permissions": []}
    assert entry.after == {"permissions": [str(permission)]}
    assert group.permissions.count() == 1


def test_a_password_that_staff_set_is_recorded_and_not_shown(as_admin: Client, clerk: User) -> None:
    new = "another horse battery"
    body = {"password1": new, "password2": new, "usable_password": "true"}
    reply = as_admin.post(f"/admin/auth/user/{clerk.pk}/password/", body)
    assert reply.status_code == 302, reply.content
    assert the_entry("user.changed").target_id == str(clerk.pk)
    assert new not in str(list(AuditEntry.objects.values_list()))
    clerk.refresh_from_db()
    assert clerk.check_password(new)


def test_a_form_that_is_refused_leaves_nothing(as_admin: Client, clerk: User) -> None:
    assert as_admin.post(f"/admin/auth/user/{clerk.pk}/change/", form_of(clerk, username="")).status_code == 200
    assert not AuditEntry.objects.exists()


def test_log_ins_and_lockouts_of_the_console_are_recorded(clerk: User) -> None:
    valkey().flushdb()
    client = Client(REMOTE_ADDR=ADDRESS)

    def log_in(password: str) -> int:
        return client.post("/admin/login/", {"username": "clerk", "password": password}).status_code

    assert [log_in("wrong horse") for _ in range(10)] == [200] * 9 + [429]
    assert log_in(PASSWORD) == 429
    elsewhere = Client(REMOTE_ADDR="203.0.113.8")
    elsewhere.post("/admin/login/", {"username": "clerk", "password": PASSWORD})
    assert elsewhere.get("/admin/").status_code == 200
    found = AuditEntry.objects.order_by("id").values_list("action", "target_id", "address")
    assert list(found) == [
        ("user.login_refused", "clerk", ADDRESS),
        ("user.locked_out", "clerk", ADDRESS),
        ("user.logged_in", str(clerk.pk), "203.0.113.8"),
    ]
    assert "horse" not in str(list(AuditEntry.objects.values_list()))


def test_an_auditor_reads_the_log_and_changes_nothing(clerk: User, as_admin: Client) -> None:
    clerk.groups.set([Group.objects.get(name="Auditor")])
    entry = AuditEntry.objects.create(actor="root", action="x.done", target_type="x", target_id="1")
    auditor = Client()
    auditor.force_login(clerk, backend="django.contrib.auth.backends.ModelBackend")
    path = "/admin/kernel/auditentry/"
    assert "x.done" in auditor.get(path).content.decode()
    assert auditor.get(f"{path}{entry.pk}/change/").status_code == 200
    for refused in (f"{path}add/", f"{path}{entry.pk}/delete/"):
        assert auditor.post(refused, {"post": "yes"}).status_code == 403
        assert as_admin.post(refused, {"post": "yes"}).status_code == 403
    as_admin.post(f"{path}{entry.pk}/change/", {"actor": "nobody"})
    assert AuditEntry.objects.get().actor == "root"


def change_own_password(client: Client, old: str, new: str) -> int:
    body = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post("/admin/password_change/", body, REMOTE_ADDR=ADDRESS).status_code


def test_ones_own_new_password_is_written_down_and_never_shown(as_admin: Client, admin: User) -> None:
    assert change_own_password(as_admin, PASSWORD, "another horse battery") == 302
    entry = the_entry("user.password_changed")
    assert (entry.actor, entry.address, entry.target_id) == ("root", ADDRESS, str(admin.pk))
    assert "another horse" not in str(list(AuditEntry.objects.values_list()))
    assert not AuditEntry.objects.filter(action="user.password_set").exists()
    assert User.objects.get(pk=admin.pk).check_password("another horse battery")


def test_a_password_that_was_not_changed_leaves_no_entry(as_admin: Client, admin: User) -> None:
    assert change_own_password(as_admin, "a guess", "another horse battery") == 200
    assert Client().get("/admin/password_change/").status_code == 302
    assert not AuditEntry.objects.filter(action__startswith="user.password").exists()
    assert User.objects.get(pk=admin.pk).check_password(PASSWORD)


def test_a_password_set_on_the_command_line_is_the_systems_deed(clerk: User) -> None:
    clear_contextvars()
    clerk.set_password("another horse battery")
    clerk.save()
    entry = the_entry("user.password_set")
    assert (entry.actor, entry.address, entry.target_id) == ("system", None, str(clerk.pk))
