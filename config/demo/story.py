"""The main job, done once and watched: orders in by bulk request, signed webhooks out, until nothing is left to do."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.demo.partner import Partner
from config.demo.receiver import Receiver

PATIENCE_SECONDS = 120


class DemoFailed(Exception):
    """Something was lost, refused or not done in time; the message says what."""


@dataclass(frozen=True, slots=True)
class Progress:
    rows: int
    processed: int
    succeeded: int
    expected: int
    delivered: int
    turned_away: int


@dataclass(frozen=True, slots=True)
class Outcome:
    submitted: int
    batches: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]
    verified: int
    unverified: int
    turned_away: int
    seconds: float

    @property
    def created(self) -> int:
        return sum(batch["succeeded"] for batch in self.batches)

    @property
    def refused(self) -> int:
        return sum(batch["failed"] for batch in self.batches)

    @property
    def attempts(self) -> int:
        return sum(delivery["attempts"] for delivery in self.deliveries)

    def faults(self) -> list[str]:
        """What is not as it must be, in words; nothing of it is expected ever to be seen."""
        checks = {
            f"{self.submitted} rows in, {self.created} created and {self.refused} refused": (
                self.submitted == self.created + self.refused
            ),
            "not every delivery arrived": all(each["status"] == "delivered" for each in self.deliveries),
            f"{self.unverified} signatures did not verify": not self.unverified,
            f"{self.turned_away} refusals, but {self.attempts - len(self.deliveries)} retries": (
                self.turned_away == self.attempts - len(self.deliveries)
            ),
        }
        return [fault for fault, well in checks.items() if not well]


class Story:
    """One telling: `submit`, then `wait`, then what came of it."""

    def __init__(
        self, partner: Partner, receiver: Receiver, webhooks: dict[str, str], check: Callable[[], None]
    ) -> None:
        self.partner, self.receiver, self.webhooks = partner, receiver, webhooks
        self.check = check  # raises if the system has fallen over
        self.batches: list[dict[str, Any]] = []
        self.submitted = 0
        self.started = time.monotonic()

    def submit(self, rows: list[dict[str, Any]], tell: Callable[[dict[str, Any]], None]) -> None:
        self.submitted = len(rows)
        for reply in self.partner.submit(rows):
            tell(reply)
            self.batches.append(self.partner.batch(reply["batchId"]))

    def wait(self, show: Callable[[Progress], None]) -> Outcome:
        """Until every batch has ended and every event has arrived at both endpoints."""
        while not self._arrived(show):
            self._hold_on()
        while any(delivery["status"] != "delivered" for delivery in self._deliveries()):
            self._hold_on()  # the last replies are being recorded
        seconds = time.monotonic() - self.started
        right, wrong = self.receiver.signatures[True], self.receiver.signatures[False]
        turned_away = len(self.receiver.turned_away)
        return Outcome(self.submitted, self.batches, self._deliveries(), right, wrong, turned_away, seconds)

    def _arrived(self, show: Callable[[Progress], None]) -> bool:
        self.batches = [self.partner.batch(batch["batchId"]) for batch in self.batches]
        ended = sum(batch["completedAt"] is not None for batch in self.batches)
        progress = Progress(
            rows=self.submitted,
            processed=sum(batch["processed"] for batch in self.batches),
            succeeded=sum(batch["succeeded"] for batch in self.batches),
            expected=(sum(batch["succeeded"] for batch in self.batches) + ended) * len(self.webhooks),
            delivered=self.receiver.total(),
            turned_away=len(self.receiver.turned_away),
        )
        show(progress)
        return ended == len(self.batches) and progress.delivered >= progress.expected

    def _deliveries(self) -> list[dict[str, Any]]:
        since = min(datetime.fromisoformat(batch["createdAt"]) for batch in self.batches)
        return [each for webhook in self.webhooks.values() for each in self.partner.deliveries(webhook, since)]

    def _hold_on(self) -> None:
        self.check()
        if time.monotonic() - self.started > PATIENCE_SECONDS:
            raise DemoFailed(f"Not everything has arrived after {PATIENCE_SECONDS} seconds.")
        time.sleep(0.2)
