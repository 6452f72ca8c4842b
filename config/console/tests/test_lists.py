"""Every list: who sees it, what it costs, how it is narrowed, and what its export holds."""

import itertools
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from bulk_orders import orders
from bulk_orders.tests.forms import cart_item, order_form
from config.console.tests.world import World, make_world
from config.lib import audit, ledgers
from config.lib.console import filters, serials
from config.lib.figures import HourFigure
from integrations.models import Template, UsageLog
from webhooks.models import Attempt

LISTS = (
    "bulk_orders.order", "bulk_orders.batch", "bulk_orders.result", "bulk_orders.payment", "webhooks.webhook",
    "webhooks.delivery", "webhooks.attempt", "webhooks.event", "integrations.integration", "integrations.usagelog",
    "integrations.template", "kernel.auditentry", "auth.user", "django_celery_beat.periodictask", "axes.accessattempt",
)  # fmt: skip
Sessions = Callable[[User], Client]


@pytest.fixture
def schedule(db: None) -> PeriodicTask:
    interval = IntervalSchedule.objects.create(every=120, period="seconds")
    return PeriodicTask.objects.create(name="sweep", task="webhooks.tasks.sweep", interval=interval)


def rows_of(reply: Any) -> list[Any]:
    return list(reply.context_data["cl"].result_list)


def address(label: str) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_changelist")


@pytest.mark.parametrize("role", ["operations", "support", "auditor", "newcomer"])
def test_a_role_sees_exactly_the_lists_it_may_view(
    role: str, request: pytest.FixtureRequest, world: World, session: Sessions
) -> None:
    user: User = request.getfixturevalue(role)
    client = session(user)
    menu = client.get(reverse("admin:index")).content.decode()
    for label in LISTS:
        app, model = label.split(".")
        may = user.has_perm(f"{app}.view_{model}")
        assert client.get(address(label)).status_code == (200 if may else 403), label
        if label != "bulk_orders.result":  # reached from its batch
            assert (f'href="{address(label)}" class="flex' in menu) == may, label


def test_a_partner_has_no_console(partner: User, session: Sessions) -> None:
    for label in LISTS:
        assert session(partner).get(address(label)).status_code == 302


def costs_of(client: Client, labels: list[str]) -> dict[str, tuple[int, int]]:
    """How many questions are asked, and how many templates drawn."""
    numbers = {}
    for label in labels:
        with CaptureQueriesContext(connection) as asked:
            reply: Any = client.get(address(label))
        numbers[label] = len(asked), len(reply.templates)
    return numbers


def test_lists_ask_the_same_number_of_questions_and_draw_as_many_templates_whatever_their_length(
    admin: User, world: World, session: Sessions
) -> None:
    client = session(admin)
    labels = [label for label in LISTS if label.split(".")[0] in ("bulk_orders", "webhooks", "integrations")]
    client.get(address("bulk_orders.order"))
    few = costs_of(client, labels)
    for number in range(3):
        make_world(User.objects.create_user(f"another{number}"), world.webhook.url)
    assert costs_of(client, labels) == few
    assert max(questions for questions, _ in few.values()) <= 6


@pytest.mark.parametrize(
    "label", ["bulk_orders.order", "webhooks.delivery", "webhooks.attempt", "integrations.usagelog"]
)
def test_a_list_never_counts_all_of_its_rows(label: str, admin: User, world: World, session: Sessions) -> None:
    with CaptureQueriesContext(connection) as asked:
        session(admin).get(address(label))
    table = apps.get_model(label)._meta.db_table
    counts = [query["sql"] for query in asked.captured_queries if "COUNT(" in query["sql"] and table in query["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)


@pytest.mark.parametrize(
    ("label", "term"),
    [
        ("bulk_orders.order", "model_order_id"),
        ("bulk_orders.order", "id"),
        ("webhooks.delivery", "id"),
        ("webhooks.event", "id"),
        ("webhooks.webhook", "url"),
        ("integrations.integration", "api_key"),
        ("bulk_orders.batch", "batch_id"),
        ("bulk_orders.payment", "order_id"),
    ],
)
def test_a_search_finds_what_an_index_knows(
    label: str, term: str, admin: User, world: World, session: Sessions
) -> None:
    record = next(one for one in world.records() if one._meta.label_lower == label)
    reply = session(admin).get(address(label), {"q": getattr(record, term)})
    assert record in rows_of(reply)


def test_the_audit_log_is_searched_by_who_did_it_and_by_what_it_was_done_to(
    admin: User, world: World, session: Sessions
) -> None:
    for term in (world.partner.username, world.webhook.pk):
        assert rows_of(session(admin).get(address("kernel.auditentry"), {"q": term})) == [world.entry]
    assert rows_of(session(admin).get(address("kernel.auditentry"), {"q": "nobody"})) == []


def test_an_endpoint_that_fails_shows_its_last_error(admin: User, world: World, session: Sessions) -> None:
    type(world.webhook).objects.filter(pk=world.webhook.pk).update(failure_count=3)
    page = session(admin).get(address("webhooks.webhook")).content.decode()
    assert "HTTP 503: Service Unavailable" in page


def test_an_integration_shows_how_often_it_gets_errors(admin: User, world: World, session: Sessions) -> None:
    now = ledgers.start_of("hour", timezone.now())
    HourFigure.objects.create(subject="call", hour=now, key=world.integration.pk, number=8, bad=1)
    page = session(admin).get(address("integrations.integration")).content.decode()
    assert 'title="1 of 8 calls">12.5 %' in page


def test_every_list_exports_a_selection(admin: User, world: World, schedule: PeriodicTask, session: Sessions) -> None:
    AccessAttempt.objects.create(username="guess", ip_address="192.0.2.1", failures_since_start=1)
    client = session(admin)
    for label in LISTS:
        key = apps.get_model(label)._default_manager.values_list("pk", flat=True)[0]
        reply = client.post(address(label), {"action": "export_csv", "_selected_action": [key]})
        assert reply["Content-Type"].startswith("text/csv"), label
        assert len(b"".join(reply.streaming_content).splitlines()) >= 2, label  # type: ignore[attr-defined]


def test_an_empty_list_says_what_it_would_hold(admin: User, session: Sessions) -> None:
    for label, said in (
        ("bulk_orders.order", "No order has been submitted yet."),
        ("axes.accessattempt", "No log-in has failed lately."),
        ("webhooks.delivery", "Nothing has been sent yet."),
    ):
        assert said in session(admin).get(address(label)).content.decode()


def test_the_audit_log_names_what_has_a_number_for_a_key(admin: User, world: World, session: Sessions) -> None:
    audit.record("user.logged_in", target=world.partner, actor=world.partner)
    audit.record("order.claimed", target=world.order, actor=admin)
    audit.record("order.claimed", target=("order", "999999"), actor=None)
    client = session(admin)
    page = client.get(address("kernel.auditentry"), {"about": "orders"}).content.decode()
    assert f">{world.order.model_order_id}</a>" in page
    assert ">999999</code></a>" in page
    assert "user.logged_in" not in page
    page = client.get(address("kernel.auditentry"), {"about": "people", "by": "people"}).content.decode()
    assert f'/admin/auth/user/{world.partner.pk}/change/">{world.partner.username}</a></span><small>user' in page
    for found in rows_of(client.get(address("kernel.auditentry"), {"by": "people"})):
        told = client.get(reverse("admin:kernel_auditentry_change", args=[found.pk])).content.decode()
        assert "It is not there any more" not in told


def test_a_search_for_what_no_index_knows_finds_nothing(admin: User, world: World, session: Sessions) -> None:
    reply = session(admin).get(address("webhooks.delivery"), {"q": "anything at all"})
    assert rows_of(reply) == []


def test_a_list_narrows_by_filter_month_day_and_hour(admin: User, world: World, session: Sessions) -> None:
    client, created = session(admin), world.failed.created_at

    def found(**filters: str) -> set[str]:
        reply = client.get(address("webhooks.delivery"), filters)
        return {row.pk for row in rows_of(reply)}

    assert found(status="failed") == {world.failed.pk}
    for pattern in ("%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H"):
        assert world.failed.pk in found(on=f"{created:{pattern}}")
    assert found(on="2020-01") == found(on="2020-01-31") == set()
    assert world.failed.pk in found(on="nonsense")
    assert found(webhook__id__exact=world.webhook.pk) >= {world.failed.pk, world.delivery.pk}


def test_templates_are_narrowed_to_those_that_are_offered(admin: User, session: Sessions) -> None:
    withdrawn = Template.objects.create(id="nse", type="custom", name="NSE", config_schema={}, active=False)
    client = session(admin)
    assert rows_of(client.get(address("integrations.template"), {"offer": "withdrawn"})) == [withdrawn]
    assert withdrawn not in rows_of(client.get(address("integrations.template"), {"offer": "offered"}))


def test_the_way_back_from_a_day_says_that_it_leads_to_its_month(admin: User, session: Sessions) -> None:
    for on, back in (("2026-11", "All times"), ("2026-11-02", "November 2026"), ("2026-11-02T09", "Mon 02 Nov 2026")):
        page = session(admin).get(address("webhooks.delivery"), {"on": on}).content.decode()
        assert re.search(rf'class="c-strip-back" href="[^"]+">{back}</a>', page), on


@pytest.mark.parametrize(
    ("label", "kind", "moment"),
    [
        ("bulk_orders.order", "order", "submitted_at"),
        ("bulk_orders.batch", "batch", "created_at"),
        ("bulk_orders.result", "result", "created_at"),
        ("bulk_orders.payment", "payment", "updated_at"),
        ("webhooks.attempt", "attempt", "at"),
        ("webhooks.event", "event", "created_at"),
        ("integrations.integration", "integration", "created_at"),
        ("integrations.usagelog", "call", "timestamp"),
        ("kernel.auditentry", "entry", "at"),
    ],
)
def test_every_list_that_grows_narrows_by_day(
    label: str, kind: str, moment: str, admin: User, world: World, session: Sessions
) -> None:
    record, client = getattr(world, kind), session(admin)
    day = getattr(record, moment)
    assert record in rows_of(client.get(address(label), {"on": f"{day:%Y-%m-%d}"}))
    assert rows_of(client.get(address(label), {"on": f"{day - timedelta(days=1):%Y-%m-%d}"})) == []


def test_the_time_of_rising_keys_is_found_where_some_are_missing_and_some_late(world: World) -> None:
    """Attempts two hours apart, each second one deleted, and one that was recorded after a younger one."""
    start = timezone.now().replace(minute=0) - timedelta(days=9)
    moments = [start + timedelta(hours=2 * number) for number in range(24)]
    moments[11], moments[12] = moments[12] - timedelta(minutes=1), moments[12] - timedelta(minutes=2)
    Attempt.objects.all().delete()
    assert not Attempt.objects.filter(serials.between(Attempt, "at", start, timezone.now())).exists()
    made = [Attempt(delivery=world.delivery, at=moment, duration_ms=1) for moment in moments]
    Attempt.objects.bulk_create(made)
    Attempt.objects.filter(pk__in=[attempt.pk for attempt in made[1:8:2]]).delete()

    def found(start: datetime, end: datetime) -> list[datetime]:
        rows = Attempt.objects.filter(serials.between(Attempt, "at", start, end))
        return list(rows.order_by("at").values_list("at", flat=True))

    there = sorted(Attempt.objects.values_list("at", flat=True))
    for first, last in itertools.combinations([start - timedelta(days=1), *moments, timezone.now()], 2):
        assert found(first, last) == [moment for moment in there if first <= moment < last]


def test_rows_of_a_batch_stand_as_they_were_sent(admin: User, world: World, session: Sessions) -> None:
    page: Any = session(admin).get(reverse("admin:bulk_orders_batch_change", args=[quote(world.batch.pk)]))
    [link] = {panel.link[0] for panel in page.context_data["panels"] if panel.link and panel.link[1] == "All rows"}
    reply: Any = session(admin).get(link)
    assert [row.order_index for row in rows_of(reply)] == [0, 1]
    assert reply.context_data["cl"].model_admin.get_ordering(reply.wsgi_request) == ("order_index",)


def test_a_bounded_filter_looks_at_the_newest_rows_of_its_list(
    admin: User, world: World, session: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "NEWEST", 2)
    earlier = world.call.timestamp - timedelta(days=1)
    for number in range(3):
        UsageLog.objects.create(
            integration=world.integration,
            endpoint="/api/webhooks",
            method="GET",
            status_code=429,
            response_time=1,
            timestamp=earlier - timedelta(minutes=number),
        )
    found = rows_of(session(admin).get(address("integrations.usagelog"), {"outcome": "limited"}))
    assert [row.timestamp for row in found] == [earlier]
    on = {"outcome": "limited", "on": f"{earlier - timedelta(minutes=2):%Y-%m-%d}"}
    assert len(rows_of(session(admin).get(address("integrations.usagelog"), on))) <= 2


def test_a_list_gives_no_look_into_what_is_secret(admin: User, world: World, session: Sessions) -> None:
    for label, lookup in (
        ("bulk_orders.order", "client__password__startswith"),
        ("webhooks.webhook", "user__password"),
    ):
        assert session(admin).get(address(label), {lookup: "pbkdf2"}).status_code == 400


def test_no_list_shows_a_secret(admin: User, world: World, session: Sessions) -> None:
    for label in ("webhooks.webhook", "webhooks.delivery", "integrations.integration", "integrations.usagelog"):
        page = session(admin).get(address(label)).content.decode()
        assert world.webhook.secret not in page
        assert world.integration.api_secret not in page


def test_an_export_holds_the_selection_and_no_formula(admin: User, partner: User, session: Sessions, db: None) -> None:
    form = order_form(cartItems=[cart_item(schemeName="=1+1")])
    order = orders.submit(user_id=partner.pk, form=form, address=None)
    orders.reject(order_id=order.pk, checker_id=admin.pk, reason='=HYPERLINK("http://x")')
    orders.submit(user_id=partner.pk, form=order_form(), address=None)
    asked = {"action": "export_csv", "_selected_action": [order.pk]}
    text = b"".join(session(admin).post(address("bulk_orders.order"), asked).streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    header, line = text.splitlines()
    assert header.startswith("id,model_order_id,client__username")
    assert order.model_order_id in line
    assert "'=HYPERLINK" in line
