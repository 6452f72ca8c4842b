"""Who may open what: every address of the console, from the URL configuration, for every role."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from django_celery_beat.models import PeriodicTask

from config.console.tests.world import Rows
from config.lib.audit import AuditEntry
from config.lib.console.model_admin import ConsoleAdmin

Sessions = Callable[[User], Client]
# Open to all members of staff, or, without a name, leading on to an address that has its own answer.
FREE = {
    None, "index", "login", "logout", "password_change", "password_change_done", "jsi18n", "search", "autocomplete",
    "view_on_site", "app_list",
}  # fmt: skip
NEEDS = {
    "changelist": "view", "change": "view", "history": "view", "add": "add", "delete": "delete",
    "password_change": "change", "upload": "add",
    "failed_csv": "view", "failed_xlsx": "view", "failed_jsonl": "view",
}  # fmt: skip
OF_A_RECORD = {"change", "history", "delete", "password_change", "failed_csv", "failed_xlsx", "failed_jsonl"}


class Door(NamedTuple):
    """An address, and the permission that it takes; none for what nobody may."""

    url: str
    permission: str


def named(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from named(pattern.url_patterns)
        elif pattern.name not in FREE:
            yield pattern.name or ""


def doors(rows: Rows) -> Iterator[Door]:
    known = {f"{model._meta.app_label}_{model._meta.model_name}": model for model in admin.site._registry}
    for name in named(admin.site.get_urls()):
        label = next(label for label in known if name.startswith(f"{label}_"))
        model, what = known[label], name.removeprefix(f"{label}_")
        app, kind = model._meta.app_label, model._meta.model_name
        its_admin: Any = admin.site.get_model_admin(model)
        if what == "deed":
            for deed in its_admin.deeds:
                yield Door(reverse(f"admin:{name}", args=[rows[model].pk, deed.name]), deed.permission)
            continue
        is_open = not (isinstance(its_admin, ConsoleAdmin) and what in ("add", "delete"))
        args = [quote(rows[model].pk)] if what in OF_A_RECORD else []
        yield Door(reverse(f"admin:{name}", args=args), f"{app}.{NEEDS[what]}_{kind}" if is_open else "")


@pytest.mark.parametrize("role", ["operations", "support", "auditor", "newcomer"])
def test_every_address_that_a_role_has_no_permission_for_is_refused(
    role: str, request: pytest.FixtureRequest, rows: Rows, session: Sessions
) -> None:
    user: User = request.getfixturevalue(role)
    client, refused = session(user), 0
    entries = AuditEntry.objects.count()
    for door in doors(rows):
        if not user.has_perm(door.permission):
            assert client.get(door.url).status_code == 403, door
            if "/do/" in door.url:
                assert client.post(door.url, {"reason": "curiosity"}).status_code == 403, door
            refused += 1
    assert refused > 40
    assert AuditEntry.objects.count() == entries


def test_a_refusal_is_a_page_that_leads_back(newcomer: User, session: Sessions) -> None:
    client = session(newcomer)
    for url, code, text in (("/admin/webhooks/webhook/", 403, "Not for your role"), ("/admin/nope/", 404, "Not here")):
        reply = client.get(url)
        assert reply.status_code == code
        assert text in reply.content.decode()
        assert 'href="/admin/"' in reply.content.decode()


def test_a_role_reads_schedules_and_does_not_switch_them(auditor: User, rows: Rows, session: Sessions) -> None:
    task = rows[PeriodicTask]
    url = reverse("admin:django_celery_beat_periodictask_changelist")
    for action in ("disable", "run_now", "disable_tasks", "run_tasks", "delete_selected"):
        session(auditor).post(url, {"action": action, "_selected_action": [task.pk], "post": "yes"})
    assert PeriodicTask.objects.get(pk=task.pk).enabled
    assert not AuditEntry.objects.filter(action__startswith="periodictask").exists()


def test_a_schedule_is_switched_and_that_is_written_down(operations: User, rows: Rows, session: Sessions) -> None:
    url = reverse("admin:django_celery_beat_periodictask_changelist")
    task = rows[PeriodicTask]
    for action, is_enabled in (("disable", False), ("disable", False), ("enable", True)):
        session(operations).post(url, {"action": action, "_selected_action": [task.pk]})
        assert PeriodicTask.objects.get(pk=task.pk).enabled == is_enabled
    entries = AuditEntry.objects.filter(target_type="periodictask").order_by("id")
    assert [(entry.action, entry.actor) for entry in entries] == [
        ("periodictask.disabled", "operations"),
        ("periodictask.enabled", "operations"),
    ]
