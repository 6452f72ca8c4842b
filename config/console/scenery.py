"""What the pictures show: a day at the gateway, made by its own services, at its own endpoint."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from bulk_orders import intake, orders, processing
from bulk_orders.models import Order
from bulk_orders.states import Status
from config.demo import seed
from config.demo.orders import forms
from config.demo.receiver import SHAKY, STEADY, Receiver
from config.lib import ledgers
from webhooks import services
from webhooks.addresses import parse_networks
from webhooks.engine import Engine
from webhooks.events import EventName
from webhooks.models import Delivery
from webhooks.transport import Transport

ROWS = 120
EVENTS = [EventName.ORDER_CREATED, EventName.ORDER_UPDATED, EventName.ORDER_FAILED, EventName.BULK_ORDER_COMPLETED]
LOOPBACK = "127.0.0.0/8"


def make_scenery() -> None:
    seed.seed()
    partner = User.objects.get(username=seed.PARTNER.username)
    checker = User.objects.get(username=seed.CHECKER.username)
    receiver = Receiver(0)
    receiver.start()
    for path in (STEADY, SHAKY):
        webhook = services.create(user_id=partner.pk, url=receiver.url(path), events=EVENTS, actor=checker)
        receiver.secrets[path] = webhook.secret
    _submit(partner)
    _decide(checker)
    _deliver()
    receiver.stop()
    ledgers.recount(now=timezone.now())


def _submit(partner: User) -> None:
    with transaction.atomic():
        made = intake.submit(
            user_id=partner.pk, rows=forms(ROWS), limit=ROWS, options=intake.Options(), address="192.0.2.10"
        )
    while processing.process_next_chunk(made.batch.pk):
        pass


def _decide(checker: User) -> None:
    waiting = Order.objects.filter(status=Status.PENDING_APPROVAL).order_by("-pk")
    for order in waiting[:30]:
        orders.authorize(order_id=order.pk, checker_id=checker.pk)
    for order in waiting[:2]:
        orders.reject(order_id=order.pk, checker_id=checker.pk, reason="The scheme is closed for purchases")


def _deliver() -> None:
    """What is due now, and its retries as if their time had come."""
    engine = Engine(Transport(timeout=5, allowed=parse_networks([LOOPBACK])))
    engine.deliver_due()
    waiting = Delivery.objects.filter(status="retrying", webhook__url__startswith="http://127.0.0.1")
    waiting.update(next_retry_at=timezone.now() - timedelta(seconds=1))
    engine.deliver_due()
