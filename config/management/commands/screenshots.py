"""``make screenshots``: the console's main pages, from demo data, as they look in a browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application
from django.urls import reverse
from PIL import Image
from playwright.sync_api import Browser, StorageState

from bulk_orders.models import Batch, Order
from config.console.browser import CHROMIUM, NARROW, WIDE, chromium, log_in
from config.console.scenery import make_scenery
from config.demo.seed import ADMIN
from config.lib import health
from config.lib.console.marks import record_url
from integrations.models import Integration
from webhooks.models import Delivery, Webhook

FOLDER = settings.BASE_DIR / "docs/screenshots"


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        pass


class Command(BaseCommand):
    help = "Take pictures of the console into docs/screenshots; makes demo data in an empty database first."

    def handle(self, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("For development only: it sets the demo's passwords")
        if not CHROMIUM.exists():
            raise CommandError(f"No browser at {CHROMIUM}: apt-get install chromium")
        call_command("migrate", verbosity=0)
        if not Order.objects.exists():
            call_command("fill", rows=3000)
            make_scenery()
        ADMIN.keep()
        FOLDER.mkdir(parents=True, exist_ok=True)
        pages = list(_pages())  # before the browser's driver, which runs a loop that Django takes for ours
        with _served() as base, chromium() as browser:
            session = _session(browser, base)
            for name, address, look in pages:
                _save(_shoot(browser, session, base + address, look), FOLDER / f"{name}.png")
                self.stdout.write(f"docs/screenshots/{name}.png")


@contextmanager
def _served() -> Iterator[str]:
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _pages() -> Iterator[tuple[str, str, str]]:
    """(name, address, look); looks are light, dark and narrow."""
    dashboard = reverse("admin:index")
    yield "dashboard", dashboard, "light"
    yield "dashboard-dark", dashboard, "dark"
    yield "dashboard-narrow", dashboard, "narrow"
    for name, place in (
        ("orders", "bulk_orders_order"),
        ("batches", "bulk_orders_batch"),
        ("endpoints", "webhooks_webhook"),
        ("deliveries", "webhooks_delivery"),
        ("integrations", "integrations_integration"),
        ("audit", "kernel_auditentry"),
    ):
        yield name, reverse(f"admin:{place}_changelist"), "light"
    yield "deliveries-narrow", reverse("admin:webhooks_delivery_changelist"), "narrow"
    yield "upload", reverse("admin:bulk_orders_batch_upload"), "light"
    records = (
        ("order", Order.objects.filter(transitions__isnull=False).order_by("-pk").first()),
        ("batch", Batch.objects.filter(results__isnull=False, failed__gt=0).order_by("-created_at").first()),
        ("endpoint", Webhook.objects.order_by("-failure_count", "pk").first()),
        ("delivery", Delivery.objects.filter(attempts__gt=1, attempt_log__isnull=False).order_by("-pk").first()),
        ("integration", Integration.objects.order_by("-usage_count", "pk").first()),
    )
    for name, record in records:
        if record is not None:
            yield name, record_url(record, record.pk), "dark" if name == "delivery" else "light"


def _session(browser: Browser, base: str) -> StorageState:
    """Of the administrator, who logs in once."""
    page = browser.new_page()
    log_in(page, base, ADMIN.username, ADMIN.password)
    state = page.context.storage_state()
    page.close()
    return state


def _shoot(browser: Browser, session: StorageState, url: str, look: str) -> bytes:
    width, height = NARROW if look == "narrow" else WIDE
    scheme: Any = "dark" if look == "dark" else "light"
    size: Any = {"width": width, "height": height}
    context = browser.new_context(viewport=size, color_scheme=scheme, storage_state=session)
    page = context.new_page()
    # Nothing but this command runs; the pictures show the console of a system that does.
    health.beat(health.WORKER_BEAT)
    health.beat(health.BEAT_BEAT)
    page.goto(url)
    page.wait_for_load_state("networkidle")
    picture = page.screenshot()
    context.close()
    return picture


def _save(picture: bytes, file: Path) -> None:
    """With 256 colours, the rare ones among them, which tell what is wrong: a third of the size."""
    kept, plain = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    with Image.open(BytesIO(picture)) as image:
        image.convert("RGB").quantize(256, kept, dither=plain).save(file, optimize=True)
