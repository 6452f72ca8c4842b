import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.utils import timezone

import webhooks.engine as engine_module
from config.lib.exact_json import dumps
from webhooks import journal, tasks
from webhooks.delivery import conclude, lease_seconds
from webhooks.engine import Engine
from webhooks.journal import Journal, orphaned, own_journal
from webhooks.models import Attempt, Delivery, Webhook
from webhooks.queue import Outcome, claim
from webhooks.tests.factories import make_delivery, make_webhook, publish, statuses
from webhooks.tests.receiver import Receiver, Status
from webhooks.transport import Transport

pytestmark = pytest.mark.django_db


def answered(webhook: Webhook, number: int = 1, **changes: Any) -> list[Outcome]:
    """Deliveries that somebody has claimed, sent, and had answered."""
    for _ in range(number):
        make_delivery(webhook)
    now = timezone.now()
    claimed = claim(now=now, free=number, cap=number, busy={}, lease_seconds=lease_seconds())
    outcomes = [
        Outcome(each.id, each.lease, each.webhook_id, now, True, False, "delivered", None, 200, "ok", None, 3, False,
                "{}", "{}", "127.0.0.1")
        for each in claimed
    ]  # fmt: skip
    return [outcome._replace(**changes) for outcome in outcomes]


def files(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.glob("*.results"))


@pytest.fixture
def webhook(owner: User, receiver: Receiver) -> Webhook:
    return make_webhook(owner, receiver.url)


def die_with(folder: Path, outcomes: list[Outcome], tail: bytes = b"") -> None:
    """A process is told this, and ends before it could record it: of its files only the locks go."""
    own = Journal(folder)
    own.write(outcomes)
    os.write(own._taking, tail)
    os.close(own._taking)
    os.close(own._waiting)


class TestInheritance:
    def test_what_a_killed_process_was_told_is_recorded_and_not_sent_again(
        self, webhook: Webhook, receiver: Receiver, transport: Transport, tmp_path: Path
    ) -> None:
        due = timezone.now()
        outcomes = answered(webhook, 3)
        outcomes[2] = outcomes[2]._replace(ok=False, status="retrying", next_retry_at=due, code=500, error="HTTP 500")
        die_with(tmp_path, outcomes)
        Engine(transport, journal=Journal(tmp_path)).deliver_due()
        assert sorted(statuses([*Delivery.objects.all()])) == ["delivered"] * 3
        assert len(receiver.received) == 1  # the retry
        assert Attempt.objects.count() == 4
        assert files(tmp_path) == [b"", b""]

    def test_it_outlives_the_process_whatever_kills_it(self, tmp_path: Path) -> None:
        written = "from pathlib import Path; import os, sys; from webhooks.journal import Journal;"
        written += " os.write(Journal(Path(sys.argv[1]))._taking, b'told'); os.kill(os.getpid(), 9)"
        died = subprocess.run([sys.executable, "-c", written, str(tmp_path)], check=False)
        assert died.returncode == -signal.SIGKILL
        assert files(tmp_path) == [b"", b"told"]
        assert list(orphaned(tmp_path)) == []
        assert files(tmp_path) == []

    def test_after_its_lease_it_is_recorded_before_anything_is_claimed(
        self, webhook: Webhook, receiver: Receiver, transport: Transport, tmp_path: Path
    ) -> None:
        outcomes = answered(webhook, 2)
        Delivery.objects.update(leased_until=timezone.now())
        die_with(tmp_path, outcomes)
        Engine(transport, journal=Journal(tmp_path)).deliver_due()
        assert receiver.received == []
        assert statuses([*Delivery.objects.all()]) == ["delivered"] * 2

    def test_what_had_been_recorded_or_sent_by_others_since_changes_nothing(
        self, webhook: Webhook, receiver: Receiver, transport: Transport, tmp_path: Path
    ) -> None:
        outcomes = answered(webhook, 2)
        conclude(outcomes[:1], timezone.now())
        Delivery.objects.filter(pk=outcomes[1].id).update(lease=1)
        die_with(tmp_path, outcomes)
        Engine(transport, journal=Journal(tmp_path)).deliver_due()
        assert Attempt.objects.count() == 1
        assert Delivery.objects.get(pk=outcomes[1].id).lease == 1

    def test_the_living_are_left_alone(self, webhook: Webhook, tmp_path: Path) -> None:
        own = Journal(tmp_path)
        own.write(answered(webhook))
        assert list(orphaned(tmp_path)) == []
        assert len(files(tmp_path)) == 2

    def test_a_torn_line_costs_only_itself(self, webhook: Webhook, tmp_path: Path) -> None:
        outcomes = answered(webhook, 2)
        die_with(tmp_path, outcomes, tail=b'["del_')
        assert list(orphaned(tmp_path)) == [outcomes]
        assert files(tmp_path) == []

    @pytest.mark.parametrize("line", [b"[1,2]\n", b"\x00\x00\n", b'"x"\n', b'["de["del_1"]\n'])
    def test_what_nobody_understands_is_put_away_alone(
        self, line: bytes, webhook: Webhook, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        one, other = answered(webhook, 2)
        die_with(tmp_path, [one], tail=line + dumps(tuple(other)) + b"\n")
        assert list(orphaned(tmp_path)) == [[one, other]]
        assert files(tmp_path) == []
        assert "webhook_journal_not_read" in caplog.text

    def test_a_file_outlives_an_heir_that_dies(self, webhook: Webhook, tmp_path: Path) -> None:
        outcomes = answered(webhook)
        die_with(tmp_path, outcomes)
        heir = orphaned(tmp_path)
        assert next(heir) == outcomes
        heir.close()  # type: ignore[attr-defined]
        assert list(orphaned(tmp_path)) == [outcomes]


class TestKeeping:
    def test_it_holds_what_is_not_recorded_and_nothing_else(
        self, owner: User, receiver: Receiver, transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_webhook(owner, receiver.url)
        publish(owner, *["order.created"] * 5)
        held = []

        def looked_at(outcomes: list[Outcome], now: Any) -> None:
            held.append(files(tmp_path)[1].count(b"\n"))
            conclude(outcomes, now)

        monkeypatch.setattr(engine_module, "conclude", looked_at)
        Engine(transport, journal=Journal(tmp_path)).deliver_due()
        assert sum(held) == 5
        assert files(tmp_path) == [b"", b""]

    def test_what_could_not_be_recorded_stays_until_it_is(
        self, owner: User, receiver: Receiver, transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_webhook(owner, receiver.url)
        publish(owner, "order.created", "order.created")
        receiver.answers(Status(200), Status(200, delay=0.2))
        engine = Engine(transport, journal=Journal(tmp_path))

        def down(*_: object) -> None:
            raise OperationalError("the server has gone away")

        monkeypatch.setattr(engine_module, "conclude", down)
        for answers in (1, 2):
            with pytest.raises(OperationalError):
                engine.deliver_due()
            assert b"".join(files(tmp_path)).count(b"\n") == answers
            if engine._transport.in_flight:
                engine._attend(patience=5)  # as it does while it waits for the database
        monkeypatch.undo()
        engine.deliver_due()
        assert Delivery.objects.filter(status="delivered").count() == len(receiver.received) == 2
        publish(owner, "order.created")
        engine.deliver_due()
        assert files(tmp_path) == [b"", b""]

    def test_on_a_full_disk_deliveries_go_on(
        self, webhook: Webhook, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        own = Journal(tmp_path)
        own._taking = os.open("/dev/full", os.O_WRONLY)
        own.write(answered(webhook))
        assert "webhook_journal_not_written" in caplog.text


class TestPlace:
    def test_workers_of_one_database_share_a_folder_that_is_theirs_alone(self, settings: Any, tmp_path: Path) -> None:
        settings.WEBHOOK_JOURNAL_DIR = str(tmp_path / "journal")
        one, other = own_journal(), own_journal()
        assert one
        assert other
        assert one.folder == other.folder
        assert one.folder.parent == tmp_path / "journal"
        assert one.folder.stat().st_mode & 0o077 == 0

    def test_by_default_it_is_one_of_this_user_among_temporary_files(
        self, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.WEBHOOK_JOURNAL_DIR = ""
        monkeypatch.setattr(journal, "gettempdir", lambda: str(tmp_path))
        own = own_journal()
        assert own
        assert own.folder.parent == tmp_path / f"partner-gateway-{os.getuid()}"
        assert own.folder.parent.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize("place", ["/proc/journal", "/dev/null"])
    def test_without_a_place_deliveries_go_on(
        self, place: str, owner: User, receiver: Receiver, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.WEBHOOK_JOURNAL_DIR = place
        make_webhook(owner, receiver.url)
        publish(owner, "order.created")
        engine = tasks.engine.__wrapped__()
        engine.deliver_due()
        assert "webhook_journal_not_opened" in caplog.text
        assert len(receiver.received) == 1

    def test_a_folder_of_somebody_else_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
        with pytest.raises(PermissionError, match="not ours alone"):
            Journal(tmp_path)

    def test_a_folder_that_others_may_write_to_is_refused_and_a_link_to_one(self, tmp_path: Path) -> None:
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(0o777)
        (tmp_path / "link").symlink_to(tmp_path)
        for name in ("open", "link"):
            with pytest.raises(PermissionError, match="not ours alone"):
                Journal(tmp_path / name)


@pytest.mark.parametrize("changes", [{"body": "\x00"}, {"headers": "{"}])
def test_a_reply_that_can_not_be_stored_costs_nobody_else_theirs(
    changes: dict[str, Any], webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = answered(webhook, 3)
    outcomes[1] = outcomes[1]._replace(**changes)
    record: Callable[[], None] = lambda: conclude(outcomes, timezone.now())  # noqa: E731
    record()
    assert statuses([*Delivery.objects.all()]) == ["delivered"] * 3
    assert "webhook_reply_not_stored" in caplog.text
