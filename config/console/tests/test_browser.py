"""The console in a real browser: every page, in both themes and widths, and what people do there all day."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from bulk_orders import intake, orders, processing
from bulk_orders.downloads import template
from bulk_orders.models import Batch, Order
from bulk_orders.sheets import COLUMNS
from bulk_orders.tests.forms import cart_item, order_form
from config.console import dashboard
from config.console.browser import CHROMIUM, NARROW, WIDE, chromium, log_in
from config.console.tests.test_deeds import deed_url
from config.console.tests.test_lists import LISTS, address
from config.console.tests.world import World
from config.lib.console.marks import record_url
from integrations.models import Integration
from integrations.tests.factories import an_integration
from webhooks.models import Delivery, DeliveryStatus, Webhook

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: apt-get install chromium, then these tests run"
)
PASSWORD = "a long pass-phrase"
GOOD = {
    "schemeName": "QUANTUM VALUE FUND", "transactionType": "Purchase", "amount": "5000.50", "mode": "Email",
    "email": "investor@example.com", "optOutOfNomination": "true",
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser, pytest.MonkeyPatch.context() as patch:
        # The driver runs an event loop in this thread, which Django takes for asynchronous code of ours.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield browser


class Trouble(list[str]):
    """What a page complained of, and what it wanted of others."""

    def watch(self, page: Page, base: str) -> Page:
        page.on("console", lambda said: self.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.append(str(error)))
        own = (base, "data:", "blob:")
        page.on("request", lambda asked: None if asked.url.startswith(own) else self.append(asked.url))
        return page


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
def page(
    browser: Browser, live_server: LiveServer, admin: User, trouble: Trouble, session: Callable[[User], Client]
) -> Iterator[Page]:
    """With the administrator's session; at the end, no page has complained and nothing has left the machine."""
    context = browser.new_context(base_url=live_server.url, viewport={"width": WIDE[0], "height": WIDE[1]})
    cookie = session(admin).cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    yield trouble.watch(context.new_page(), live_server.url)
    context.close()
    assert trouble == []


def test_people_log_in_and_strangers_do_not(browser: Browser, live_server: LiveServer, admin: User) -> None:
    page = browser.new_page(base_url=live_server.url)
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("a guess")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
    log_in(page, live_server.url, "admin", PASSWORD)
    expect(page.get_by_role("heading", name="Orders by hour")).to_be_visible()
    page.close()


# Controls that a screen reader would have no word for.
NAMELESS = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")]
  .filter((one) => one.checkVisibility() && !one.innerText?.trim() && !one.value && !one.labels?.length
    && !one.title && !one.ariaLabel && !one.closest("[aria-label]"))
  .map((one) => one.outerHTML.slice(0, 200))"""


def stretch(world: World) -> None:
    """Names as long as they may be."""
    url = f"https://{'a-department.' * 15}example/{'path/' * 20}{'x' * 1000}"
    Webhook.objects.filter(pk=world.webhook.pk).update(url=url)
    User.objects.filter(pk=world.partner.pk).update(username=f"{'somebody.' * 16}else")
    Integration.objects.filter(pk=world.integration.pk).update(name="warehouse_" * 20)
    AccessAttempt.objects.create(
        username="somebody." * 16, ip_address="2001:db8:85a3:8d3:1319:8a2e:370:7348", failures_since_start=12
    )


# Columns of a list that are not to be seen.
HIDDEN = """() => [...document.querySelectorAll("#result_list thead th")]
  .filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.innerText)"""


def test_every_page_fits_and_is_silent_and_its_controls_have_names(world: World, page: Page) -> None:
    stretch(world)
    places = [reverse("admin:index"), reverse("admin:bulk_orders_batch_upload"), *map(address, LISTS)]
    places += [record_url(record, record.pk) for record in (*world.records(), world.partner)]
    places += [reverse("admin:integrations_template_add"), reverse("admin:django_celery_beat_periodictask_add")]
    places += [deed_url(world.webhook, "edit"), deed_url(world.integration, "grant")]
    for place in places:
        reply = page.goto(place, wait_until="domcontentloaded")
        assert reply is not None
        assert reply.status == 200, place
        for width, height in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (place, width)
            assert width == NARROW[0] or page.evaluate(HIDDEN) == [], place
        assert page.evaluate(NAMELESS) == [], place


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_take_the_theme_of_the_machine(theme: Any, page: Page) -> None:
    page.emulate_media(color_scheme=theme)
    page.goto("/admin/")
    assert page.evaluate("document.documentElement.className").strip() == ("dark" if theme == "dark" else "")
    dark = page.evaluate("getComputedStyle(document.querySelector('.c-tile')).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (theme == "dark")


def test_the_documents_of_the_api_show_without_scripts_of_their_own(page: Page) -> None:
    page.goto("/api/docs")
    expect(page.get_by_text("/api/webhooks", exact=True).first).to_be_visible(timeout=20_000)


def test_tiles_are_reached_by_keyboard_and_lead_to_their_lists(world: World, page: Page) -> None:
    page.goto("/admin/")
    tile = page.get_by_role("link", name="Waiting for approval")
    tile.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/bulk_orders/order/?status=Pending*")
    expect(page.get_by_role("link", name=world.order.model_order_id)).to_be_visible()


def test_the_front_page_keeps_itself_up_to_date(partner: User, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "REFRESH_SECONDS", 1)
    page.goto("/admin/")
    tile = page.get_by_role("link", name="Orders today")
    expect(tile.locator(".c-value")).to_have_text("0")
    orders.submit(user_id=partner.pk, form=order_form(), address=None)
    expect(tile.locator(".c-value")).to_have_text("1", timeout=10_000)


def sheet(*rows: dict[str, str]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def upload(page: Page, content: bytes, name: str = "orders.csv") -> None:
    page.goto("/admin/")
    page.get_by_role("link", name="Upload orders").click()
    page.get_by_label("File of orders").set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Look at the rows").click()


def test_a_file_is_looked_at_corrected_and_submitted(partner: User, page: Page) -> None:
    upload(page, b"scheme,price\r\n")
    expect(page.get_by_text("Unknown columns: scheme, price")).to_be_visible()
    upload(page, "".join(map(str, template("csv"))).encode())
    expect(page.get_by_text("Orders array is required")).to_be_visible()

    upload(page, sheet(GOOD, GOOD | {"amount": "-1"}))
    expect(page.get_by_text("1 of 2 rows are valid. Nothing has been created")).to_be_visible()
    expect(page.get_by_text("Item 1: Amount must be greater than 0")).to_be_visible()
    assert not Order.objects.exists()

    upload(page, sheet(GOOD, GOOD | {"amount": "700"}))
    expect(page.get_by_text("2 of 2 rows are valid")).to_be_visible()
    page.get_by_role("link", name="Submit these orders").click()
    page.get_by_label("Partner").fill("nobody of this name")
    page.get_by_role("button", name="Submit these orders").click()
    expect(page.get_by_text("No active user has this name")).to_be_visible()
    page.get_by_label("Partner").fill("partner")
    page.get_by_role("button", name="Submit these orders").click()
    expect(page.get_by_text("2 orders are on their way for partner")).to_be_visible()
    expect(page.get_by_text("this page follows by itself")).to_be_visible()

    batch = Batch.objects.get(user=partner)
    while Batch.objects.get(pk=batch.pk).status in ("pending", "processing"):
        processing.process_next_chunk(batch.pk)
    expect(page.get_by_text("2 of 2 rows became orders.")).to_be_visible(timeout=10_000)
    assert Order.objects.filter(client=partner).count() == 2


def test_batches_in_the_list_move_by_themselves_until_they_have_ended(partner: User, page: Page) -> None:
    with transaction.atomic():
        made = intake.submit(
            user_id=partner.pk, rows=[order_form()] * 3, limit=3, options=intake.Options(), address=None
        )
    page.goto(address("bulk_orders.batch"))
    row = page.get_by_role("row").filter(has_text=made.batch.pk)
    expect(row).to_contain_text("0 of 3")
    processing.process_next_chunk(made.batch.pk)
    expect(row).to_contain_text("3 of 3", timeout=10_000)
    expect(row).to_contain_text("completed")
    expect(page.locator("[data-live]")).to_have_count(0)


def test_filters_are_opened_by_keyboard(world: World, page: Page) -> None:
    page.goto(address("webhooks.delivery"))
    page.get_by_role("button", name="Filters").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Failed", exact=True).click()
    expect(page.get_by_text("1 row", exact=True)).to_be_visible()


def test_a_failed_delivery_is_retried_from_its_page(world: World, page: Page) -> None:
    page.goto(record_url(world.failed, world.failed.pk))
    page.get_by_role("button", name="Retry now").click()
    expect(page.get_by_text("was answered with HTTP 200")).to_be_visible()
    expect(page.get_by_text("Delivered after 2 attempts.")).to_be_visible()
    assert Delivery.objects.get(pk=world.failed.pk).status == DeliveryStatus.DELIVERED


def test_selected_deliveries_are_retried_from_the_list(world: World, page: Page) -> None:
    page.goto(f"{address('webhooks.delivery')}?status=failed")
    page.locator("input.action-select").first.check()
    page.locator("select[name=action]").select_option("retry")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("1 of 1 due now")).to_be_visible()


def test_a_suspended_integration_is_refused_at_its_next_call(
    partner: User, page: Page, live_server: LiveServer
) -> None:
    integration = an_integration(partner, name="Order desk")
    keys = {"X-API-Key": integration.api_key, "X-API-Secret": integration.api_secret}
    me = f"{live_server.url}/api/integrations/me"
    assert requests.get(me, headers=keys, timeout=10).status_code == 200
    page.goto(record_url(integration, integration.pk))
    page.get_by_role("link", name="Suspend").click()
    page.get_by_label("Reason").fill("Its key is on a public page")
    page.get_by_role("button", name="Suspend").click()
    expect(page.get_by_text("Staff have suspended it: Its key is on a public page")).to_be_visible()
    assert requests.get(me, headers=keys, timeout=10).status_code == 401


def test_the_list_of_orders_shows_every_column_whatever_the_amount(partner: User, page: Page) -> None:
    item = cart_item(schemeName="A FUND OF FUNDS " * 9, amount="999999999999999.9999")
    orders.submit(user_id=partner.pk, form=order_form(cartItems=[item]), address=None)
    page.goto(address("bulk_orders.order"))
    expect(page.get_by_text("999,999,999,999,999.9999")).to_be_visible()
    beyond = "() => document.querySelector('#result_list').getBoundingClientRect().right - innerWidth"
    assert page.evaluate(beyond) < 0
