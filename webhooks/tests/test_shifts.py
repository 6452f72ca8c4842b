"""Engines at work: shifts, rings, neighbours that hang, and what happens when Valkey or the process goes."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from config.lib.postgresql.statements import execute
from config.lib.tests.own_valkey import no_valkey
from config.lib.valkey import client
from webhooks import engine as engine_module
from webhooks import nudge, outbox, queue, services, tasks
from webhooks.delivery import conclude
from webhooks.disabling import disable
from webhooks.engine import Engine
from webhooks.events import EventName
from webhooks.models import Attempt, Delivery, Webhook
from webhooks.nudge import Doorbell
from webhooks.tests.factories import make_delivery, make_user, make_webhook, publish, statuses
from webhooks.tests.receiver import Receiver, Status
from webhooks.transport import Transport

pytestmark = pytest.mark.django_db
SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture(autouse=True)
def quiet_valkey() -> Iterator[None]:
    keys = (nudge.MESSAGE_WAITING, nudge.LINGERING, nudge.OWN_QUEUE)
    client().delete(*keys)
    yield
    client().delete(*keys)


def messages() -> int:
    return int(client().llen(nudge.OWN_QUEUE))


def until(condition: Callable[[], bool], seconds: float = 10) -> Callable[[bool], bool]:
    """For `leave`: as soon as the condition holds; the deadline is for a test that fails."""
    deadline = time.monotonic() + seconds
    return lambda _idle: condition() or time.monotonic() > deadline


class TestRinging:
    def test_with_nobody_listening_one_message_starts_an_engine(self) -> None:
        for _ in range(100):
            nudge.ring()
        assert messages() == 1

    def test_once_the_message_is_taken_the_next_ring_sends_another(self) -> None:
        nudge.ring()
        nudge.message_taken()
        nudge.ring()
        assert messages() == 2

    def test_who_listens_is_woken_without_a_message(self, transport: Transport) -> None:
        heard: list[int] = []
        with Doorbell() as bell:
            transport.watch(bell.fileno(), heard.append)
            nudge.ring()
            transport.wait(5)
            transport.unwatch(bell.fileno())
        assert (heard, messages()) == ([1], 0)

    def test_after_leaving_nobody_counts_on_us(self) -> None:
        with Doorbell():
            pass
        nudge.ring()
        assert messages() == 1

    def test_many_rings_are_one(self, transport: Transport) -> None:
        with Doorbell() as bell:
            for _ in range(50):
                nudge.ring()
            time.sleep(0.1)
            bell.hush()
            transport.watch(bell.fileno(), lambda _: pytest.fail("rang again"))
            transport.wait(0.05)
            transport.unwatch(bell.fileno())


class TestWithoutValkey:
    @pytest.fixture(autouse=True)
    def valkey_is_gone(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(nudge, "_silent_until", 0.0)
        with no_valkey(settings):
            yield

    def test_a_ring_fails_in_silence_and_soon_costs_nothing(self) -> None:
        nudge.ring()
        assert nudge._silent_until > time.monotonic()

    def test_publishing_goes_on(self, owner: User, django_capture_on_commit_callbacks: type) -> None:
        make_webhook(owner)
        with django_capture_on_commit_callbacks(execute=True):
            publish(owner, "order.created")
        assert Delivery.objects.count() == 1

    def test_an_engine_stays_and_finds_by_itself_what_falls_due(
        self, owner: User, receiver: Receiver, transport: Transport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine_module, "LOOK_EVERY_SECONDS", 0.1)
        delivery = make_delivery(make_webhook(owner, receiver.url), next_retry_at=None)
        steps = iter(range(100))

        def leave(idle: bool) -> bool:
            if next(steps) == 1:
                Delivery.objects.update(next_retry_at=timezone.now())
            assert not nudge.may_leave(idle, until=0)
            return bool(receiver.received) and idle

        with Doorbell() as bell:
            assert bell.broken
            Engine(transport).run_shift(bell, leave=leave)
        assert statuses([delivery]) == ["delivered"]


class TestShifts:
    def test_a_ring_brings_a_delivery_at_once(self, owner: User, receiver: Receiver, transport: Transport) -> None:
        webhook = make_webhook(owner, receiver.url)
        delivery = make_delivery(webhook, next_retry_at=None)
        steps = iter(range(100))

        def leave(idle: bool) -> bool:
            if next(steps) == 1:
                Delivery.objects.update(next_retry_at=timezone.now())
                nudge.ring()
            return bool(receiver.received) and idle

        with Doorbell() as bell:
            Engine(transport).run_shift(bell, leave=leave)
        assert statuses([delivery]) == ["delivered"]

    def test_a_retry_falls_due_without_any_ring(
        self, owner: User, receiver: Receiver, transport: Transport, settings: Any
    ) -> None:
        settings.WEBHOOK_RETRY_BASE_SECONDS = 0.2
        delivery = make_delivery(make_webhook(owner, receiver.url))
        receiver.answers(Status(500), Status(500), Status(200))
        with Doorbell() as bell:
            Engine(transport).run_shift(bell, leave=until(lambda: Attempt.objects.count() == 3))
        assert statuses([delivery]) == ["delivered"]

    def test_what_is_in_flight_when_a_shift_ends_is_finished(
        self, owner: User, receiver: Receiver, transport: Transport
    ) -> None:
        make_webhook(owner, receiver.url)
        publish(owner, *["order.created"] * 10)
        receiver.answers(Status(delay=0.5))
        engine = Engine(transport, endpoint_places=4)
        with Doorbell() as bell:
            engine.run_shift(bell, leave=until(lambda: len(receiver.received) >= 4))
        engine.finish()
        assert Delivery.objects.filter(status="delivered").count() == len(receiver.received)
        assert not Delivery.objects.filter(lease__isnull=False).exists()

    def test_a_hung_endpoint_holds_up_nobody_else(
        self, owner: User, outsider: User, receiver: Receiver, transport: Transport
    ) -> None:
        with Receiver() as hung:
            hung.answers(Status(delay=2))
            make_webhook(outsider, hung.url)
            publish(outsider, *["order.created"] * 30)
            make_webhook(owner, receiver.url)
            publish(owner, *["order.created"] * 100)
            engine = Engine(transport, places=20, endpoint_places=8)
            done = until(lambda: Delivery.objects.filter(webhook__user=owner, status="delivered").count() == 100)
            with Doorbell() as bell:
                engine.run_shift(bell, leave=done)
            engine.finish()
            assert len(receiver.received) == 100
            assert len(hung.received) <= 8 * 2

    def test_in_strict_order_events_arrive_as_they_happened(
        self, owner: User, receiver: Receiver, deliver: Callable[[], int]
    ) -> None:
        make_webhook(owner, receiver.url, ordered=True)
        ids = publish(owner, *["order.created"] * 25)
        assert deliver() == 25
        assert [received.headers["webhook-id"] for received in receiver.received] == ids

    def test_a_paced_endpoint_hears_no_faster(self, owner: User, receiver: Receiver, transport: Transport) -> None:
        make_webhook(owner, receiver.url, rate_limit=20)
        publish(owner, *["order.created"] * 11)
        with Doorbell() as bell:
            Engine(transport).run_shift(bell, leave=until(lambda: len(receiver.received) == 11))
        moments = [received.at for received in receiver.received]
        assert len(moments) == 11
        assert moments[-1] - moments[0] >= 0.4

    def test_requests_proceed_while_postgresql_is_at_work(
        self, owner: User, receiver: Receiver, transport: Transport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_webhook(owner, receiver.url)
        publish(owner, *["order.created"] * 3)
        receiver.answers(Status(200), Status(delay=0.1), Status(delay=0.1))
        in_flight = []

        def slowly(outcomes: Any, now: Any) -> None:
            in_flight.append(transport.in_flight)
            execute("SELECT pg_sleep(0.3)", {})
            in_flight.append(transport.in_flight)
            conclude(outcomes, now)

        monkeypatch.setattr(engine_module, "conclude", slowly)
        Engine(transport).deliver_due()
        assert in_flight[1] == 0
        assert Delivery.objects.filter(status="delivered").count() == 3

    def test_when_it_is_no_longer_wanted_it_finishes_what_is_in_hand(
        self, owner: User, receiver: Receiver, transport: Transport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine_module, "ASK_EVERY_SECONDS", 0)
        make_webhook(owner, receiver.url)
        publish(owner, *["order.created"] * 10)
        Engine(transport, endpoint_places=3).deliver_due(lambda: False)
        assert len(receiver.received) == 3
        assert Delivery.objects.filter(status="delivered", lease__isnull=True).count() == 3

    def test_what_was_claimed_too_long_ago_is_left_to_the_next(
        self, owner: User, receiver: Receiver, transport: Transport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delivery = make_delivery(make_webhook(owner, receiver.url))
        monkeypatch.setattr(engine_module, "LEASE_MARGIN_SECONDS", 0)
        engine = Engine(transport)
        engine.deliver_due()
        assert (engine.attempts, engine.idle, receiver.received) == (0, True, [])
        Delivery.objects.update(leased_until=timezone.now())
        monkeypatch.undo()
        engine.deliver_due()
        assert statuses([delivery]) == ["delivered"]

    def test_results_that_the_database_would_not_take_are_kept_for_the_next_shift(
        self, owner: User, receiver: Receiver, transport: Transport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delivery = make_delivery(make_webhook(owner, receiver.url))
        engine = Engine(transport)

        def down(*_: object) -> None:
            monkeypatch.setattr(engine_module, "conclude", conclude)
            raise OperationalError("the server has gone away")

        monkeypatch.setattr(engine_module, "conclude", down)
        with pytest.raises(OperationalError):
            engine.deliver_due()
        engine.deliver_due()
        assert statuses([delivery]) == ["delivered"]
        assert len(receiver.received) == 1

    def test_what_is_known_is_recorded_before_its_delivery_could_be_claimed_again(
        self, owner: User, receiver: Receiver, transport: Transport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delivery = make_delivery(make_webhook(owner, receiver.url))
        engine = Engine(transport)

        def down(*_: object) -> None:
            raise OperationalError("the server has gone away")

        monkeypatch.setattr(engine_module, "conclude", down)
        with pytest.raises(OperationalError):
            engine.deliver_due()
        monkeypatch.undo()
        Delivery.objects.update(leased_until=timezone.now())  # it was away for longer than a lease
        engine.deliver_due()
        assert statuses([delivery]) == ["delivered"]
        assert len(receiver.received) == 1

    def test_a_shift_outlasts_the_database_and_records_what_it_has_in_hand(
        self, owner: User, receiver: Receiver, transport: Transport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delivery = make_delivery(make_webhook(owner, receiver.url))

        def down(*_: object) -> None:
            monkeypatch.setattr(engine_module, "conclude", conclude)
            raise OperationalError("the server has gone away")

        monkeypatch.setattr(engine_module, "conclude", down)
        monkeypatch.setattr(engine_module, "RECONNECT_SECONDS", 0)
        monkeypatch.setattr(connection, "close", lambda: None)  # it is the test's own, too
        with Doorbell() as bell:
            Engine(transport).run_shift(bell, leave=lambda idle: idle and statuses([delivery]) == ["delivered"])
        assert len(receiver.received) == 1

    def test_what_could_not_be_claimed_is_claimed_as_soon_as_the_database_is_back(
        self, owner: User, receiver: Receiver, transport: Transport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delivery, claim = make_delivery(make_webhook(owner, receiver.url)), queue.claim

        def down(**_: object) -> None:
            monkeypatch.setattr(queue, "claim", claim)
            raise OperationalError("the server has gone away")

        monkeypatch.setattr(queue, "claim", down)
        monkeypatch.setattr(engine_module, "RECONNECT_SECONDS", 0)
        monkeypatch.setattr(connection, "close", lambda: None)  # it is the test's own, too
        with Doorbell() as bell:  # which nobody rings
            Engine(transport).run_shift(bell, leave=until(lambda: statuses([delivery]) == ["delivered"], seconds=3))
        assert statuses([delivery]) == ["delivered"]


class TestLeaving:
    def test_an_idle_engine_lingers_alone(self) -> None:
        assert not nudge.may_leave(idle=True, until=time.monotonic() + 60)
        client().set(nudge.LINGERING, b"another:1")
        assert nudge.may_leave(idle=True, until=time.monotonic() + 60)

    def test_it_makes_room_for_other_tasks(self) -> None:
        client().lpush("bulk_orders", b"{}")
        try:
            assert nudge.may_leave(idle=True, until=time.monotonic() + 60)
            assert not nudge.may_leave(idle=False, until=time.monotonic() + 60)
        finally:
            client().delete("bulk_orders")

    def test_of_several_that_are_busy_one_goes_on(self) -> None:
        client().lpush("bulk_orders", b"{}")
        try:
            assert not nudge.may_leave(idle=False, until=time.monotonic() + 60)
            client().set(nudge.LINGERING, b"another:1")
            assert nudge.may_leave(idle=False, until=time.monotonic() + 60)
        finally:
            client().delete("bulk_orders")

    @pytest.mark.parametrize("queue", ["bulk_orders", "webhooks"])
    def test_when_its_time_is_up_it_leaves_if_it_has_nothing_to_do_or_anything_waits(self, queue: str) -> None:
        assert nudge.may_leave(idle=True, until=0)
        assert not nudge.may_leave(idle=False, until=0)
        client().lpush(queue, b"{}")
        try:
            assert nudge.may_leave(idle=False, until=0)
        finally:
            client().delete(queue)


class TestTasks:
    @pytest.fixture(autouse=True)
    def fresh_engine(self, transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
        engine = Engine(transport)
        monkeypatch.setattr(tasks, "engine", lambda: engine)

    def test_a_shift_delivers_and_ends_when_the_worker_stops(
        self, owner: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delivery = make_delivery(make_webhook(owner, receiver.url))
        stopping = bytearray(1)
        monkeypatch.setattr(tasks, "_stopping", stopping)

        def stop_after_one() -> None:
            receiver.wait_for(1)
            stopping[0] = 1

        threading.Thread(target=stop_after_one, daemon=True).start()
        tasks.deliver_due()
        assert statuses([delivery]) == ["delivered"]
        assert messages() == 0

    def test_the_next_engine_is_called_before_the_slow_have_ended(
        self, owner: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        webhook = make_webhook(owner, receiver.url, rate_limit=1)
        deliveries = [make_delivery(webhook) for _ in range(2)]
        receiver.answers(Status(delay=0.5))
        stopping, at_the_call, ring = bytearray(1), [], nudge.ring
        monkeypatch.setattr(tasks, "_stopping", stopping)

        def stop_after_one() -> None:
            receiver.wait_for(1)
            stopping[0] = 1

        def watched_ring() -> None:
            at_the_call.extend(statuses(deliveries))
            ring()

        monkeypatch.setattr(nudge, "ring", watched_ring)
        threading.Thread(target=stop_after_one, daemon=True).start()
        tasks.deliver_due()
        assert at_the_call == ["pending"] * 2
        assert sorted(statuses(deliveries)) == ["delivered", "pending"]
        assert messages() == 1

    def test_an_engine_that_leaves_work_behind_calls_the_next(
        self, owner: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_delivery(make_webhook(owner, failure_count=99, rate_limit=1))
        monkeypatch.setattr(tasks, "_stopping", bytearray(b"\1"))
        tasks.deliver_due()
        assert messages() == 1

    def test_the_sweep_rings_only_if_something_is_due(self, owner: User) -> None:
        tasks.sweep()
        assert messages() == 0
        make_delivery(make_webhook(owner))
        tasks.sweep()
        assert messages() == 1

    def test_a_deep_backlog_calls_one_engine_more(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tasks, "DEEP_BACKLOG", 3)
        make_webhook(owner)
        publish(owner, *["order.created"] * 3)
        with Doorbell():
            tasks.sweep()
            assert messages() == 1

    def test_an_engine_that_finds_a_deep_backlog_calls_one_more(
        self, owner: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks, "DEEP_BACKLOG", 3)
        monkeypatch.setattr(tasks, "_stopping", bytearray(b"\1"))
        webhook = make_webhook(owner, failure_count=99, rate_limit=1)
        for _ in range(3):
            make_delivery(webhook)
        client().set(nudge.MESSAGE_WAITING, b"1")  # its own, which it takes
        tasks.deliver_due()
        assert messages() == 1


class TestMail:
    def test_the_owner_of_a_disabled_endpoint_is_told_once(self) -> None:
        webhook = make_webhook(make_user("partner"))
        disable(webhook_id=webhook.id, reason="100 deliveries in a row have failed", now=timezone.now())
        tasks.tell_owners()  # the message was lost: beat finds what is to be told
        tasks.tell_owners()
        (message,) = mail.outbox
        assert message.to == ["partner@partner.example"]
        assert "100 deliveries in a row have failed" in message.body
        assert webhook.url in message.body

    def test_nobody_is_told_of_an_endpoint_that_works_again_nor_who_has_no_address(self) -> None:
        now = timezone.now()
        again = make_webhook(make_user("again"), active=False, disabled_at=now, tell_owner_at=now)
        assert services.update(webhook=again, changes={"active": True}).tell_owner_at is None
        nobody = make_user("nobody")
        User.objects.filter(pk=nobody.pk).update(email="")
        make_webhook(nobody, active=False, disabled_at=now, tell_owner_at=now)
        tasks.tell_owners()
        assert mail.outbox == []

    def test_a_mail_that_can_not_be_sent_is_tried_again_later_and_holds_up_no_other(self, settings: Any) -> None:
        now, earlier = timezone.now(), timezone.now() - timedelta(hours=1)
        first = make_webhook(make_user("first"), active=False, disabled_at=earlier, tell_owner_at=earlier)
        make_webhook(make_user("second"), active=False, disabled_at=now, tell_owner_at=now)
        works = settings.EMAIL_BACKEND
        settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, "127.0.0.1", 9
        with pytest.raises(ConnectionRefusedError):
            tasks.tell_owners()
        settings.EMAIL_BACKEND = works
        tasks.tell_owners()
        assert [message.to for message in mail.outbox] == [["second@partner.example"]]
        Webhook.objects.filter(pk=first.pk, tell_owner_at__gt=timezone.now()).update(tell_owner_at=earlier)
        tasks.tell_owners()
        assert len(mail.outbox) == 2

    def test_an_address_that_takes_no_mail_is_given_up_after_a_day(self) -> None:
        day_ago = timezone.now() - tasks.MAIL_GIVEN_UP_AFTER
        make_webhook(make_user(), active=False, disabled_at=day_ago, tell_owner_at=day_ago)
        tasks.tell_owners()
        assert mail.outbox == []

    def test_what_a_process_of_the_last_release_asks_for_is_done(self) -> None:
        webhook = make_webhook(make_user("partner"), active=False, disabled_at=timezone.now())
        tasks.tell_owner(webhook.id)
        assert [message.to for message in mail.outbox] == [["partner@partner.example"]]

    def test_a_mail_server_that_says_nothing_is_not_waited_for_without_end(self) -> None:
        assert mail.get_connection(SMTP).timeout == 10  # type: ignore[attr-defined]


def test_disabling_sends_the_mail_after_the_commit(
    owner: User, receiver: Receiver, deliver: Callable[[], int], django_capture_on_commit_callbacks: type
) -> None:
    make_delivery(make_webhook(owner, receiver.url))
    receiver.answers(Status(410))
    with django_capture_on_commit_callbacks(execute=True):
        deliver()
    assert messages() >= 1
    assert Webhook.objects.filter(active=False).count() == 1


def test_events_of_a_rolled_back_transaction_are_never_sent(
    owner: User, receiver: Receiver, deliver: Callable[[], int]
) -> None:
    make_webhook(owner, receiver.url)
    with transaction.atomic():
        outbox.publish(user_id=owner.pk, name=EventName.ORDER_CREATED, data={})
        transaction.set_rollback(True)
    assert deliver() == 0
    assert receiver.received == []
