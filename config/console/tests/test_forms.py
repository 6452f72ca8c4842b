"""Rows that are changed with a form: users, roles, schedules, templates. Each change leaves its entry."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from config.console.schedules import every
from config.lib.audit import AuditEntry
from integrations.models import Template

Sessions = Callable[[User], Client]


@pytest.fixture
def schedule(db: None) -> PeriodicTask:
    interval = IntervalSchedule.objects.create(every=5, period="minutes")
    return PeriodicTask.objects.create(name="sweep", task="webhooks.tasks.sweep", interval=interval)


@pytest.fixture
def template(db: None) -> Template:
    return Template.objects.create(id="nse", type="custom", name="NSE", config_schema={"type": "object"})


@pytest.mark.parametrize(
    ("number", "period", "words"),
    [(86_400, "seconds", "every day"), (90, "minutes", "every 90 minutes"), (5, "seconds", "every 5 seconds")],
)
def test_an_interval_is_told_in_the_largest_unit_that_fits(number: int, period: str, words: str) -> None:
    assert every(IntervalSchedule(every=number, period=period)) == words


def test_forms_open(admin: User, schedule: PeriodicTask, template: Template, session: Sessions) -> None:
    group = Group.objects.create(name="Interns")
    client = session(admin)
    for name, pk in (
        ("auth_user", admin.pk),
        ("auth_group", group.pk),
        ("django_celery_beat_periodictask", schedule.pk),
        ("django_celery_beat_intervalschedule", schedule.interval_id),
        ("integrations_template", template.pk),
    ):
        assert client.get(reverse(f"admin:{name}_change", args=[pk])).status_code == 200, name
    for name in ("auth_user", "django_celery_beat_periodictask", "integrations_template"):
        assert client.get(reverse(f"admin:{name}_add")).status_code == 200, name


def test_who_sees_a_schedule_sees_its_times(
    operations: User, auditor: User, support: User, schedule: PeriodicTask, session: Sessions
) -> None:
    times = reverse("admin:django_celery_beat_intervalschedule_change", args=[schedule.interval_id])
    for user, status in ((operations, 200), (auditor, 200), (support, 403)):
        assert session(user).get(times).status_code == status, user
    assert "every 5 minutes" in session(auditor).get(times).content.decode()
    page = session(auditor).get(reverse("admin:django_celery_beat_periodictask_change", args=[schedule.pk]))
    assert "webhooks.tasks.sweep" in page.content.decode()
    assert "Regtask" not in page.content.decode()


def test_a_schedule_by_the_clock_is_told_in_words(admin: User, schedule: PeriodicTask, session: Sessions) -> None:
    crontab = CrontabSchedule.objects.create(minute="0", hour="4")
    PeriodicTask.objects.filter(pk=schedule.pk).update(interval=None, crontab=crontab)
    client = session(admin)
    for name in ("periodictask", "crontabschedule"):
        assert "At 04:00" in client.get(reverse(f"admin:django_celery_beat_{name}_changelist")).content.decode(), name


def test_forms_lead_to_what_belongs_to_them(
    admin: User, operations: User, template: Template, session: Sessions
) -> None:
    page = session(operations).get(reverse("admin:integrations_template_change", args=[template.pk])).content.decode()
    assert reverse("admin:integrations_integration_changelist") + "?template__id__exact=nse" in page
    group = Group.objects.get(name="Operations")
    page = session(admin).get(reverse("admin:auth_group_changelist")).content.decode()
    assert f'<a class="c-link" href="/admin/auth/user/?groups__id__exact={group.pk}">1</a>' in page
    deeds = f"/admin/kernel/auditentry/?q={operations.username}"
    for reader, may in ((admin, True), (operations, False)):
        page = session(reader).get(reverse("admin:auth_user_change", args=[operations.pk])).content.decode()
        assert (deeds in page) == may, reader
        assert "UTC" in page


def test_operations_change_a_template_and_that_is_written_down(
    operations: User, template: Template, session: Sessions
) -> None:
    answers = {"id": "nse", "type": "custom", "name": "NSE India", "config_schema": '{"type": "object"}'}
    url = reverse("admin:integrations_template_change", args=[template.pk])
    assert session(operations).post(url, answers).status_code == 302
    template.refresh_from_db()
    assert (template.name, template.active) == ("NSE India", False)
    entry = AuditEntry.objects.get(action="template.changed")
    assert (entry.actor, entry.target_id) == ("operations", "nse")
    assert entry.after["name"] == "NSE India"


def test_a_schema_that_is_no_json_is_refused_once(operations: User, template: Template, session: Sessions) -> None:
    answers = {"id": "nse", "type": "custom", "name": "NSE India", "config_schema": "{not json"}
    text = (
        session(operations)
        .post(reverse("admin:integrations_template_change", args=[template.pk]), answers)
        .content.decode()
    )
    assert "Enter a valid JSON." in text
    assert "Not a JSON Schema" not in text


def test_a_template_is_read_only_for_support(support: User, template: Template, session: Sessions) -> None:
    url = reverse("admin:integrations_template_change", args=[template.pk])
    assert session(support).get(url).status_code == 200
    assert session(support).post(url, {"name": "mine"}).status_code == 403


def test_users_are_deactivated_and_never_deleted(admin: User, partner: User, session: Sessions) -> None:
    client = session(admin)
    url = reverse("admin:auth_user_delete", args=[partner.pk])
    assert client.post(url, {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=partner.pk).exists()
