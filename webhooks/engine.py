"""The delivery engine: keeps many attempts in flight, claims what is due as places come free, records in batches.

Losing this process at any moment loses nothing: a delivery whose result is not known becomes due again when its lease
ends, and is sent again under the same `webhook-id`. What endpoints have answered is known as soon as the journal has
it. While PostgreSQL works, requests proceed: see `_tend`.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from math import inf

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from config.lib.encryption import Undecryptable
from webhooks import queue
from webhooks.delivery import LEASE_MARGIN_SECONDS, conclude, lease_seconds, outcome_of, request_of
from webhooks.journal import Journal, orphaned
from webhooks.nudge import Doorbell
from webhooks.queue import Claimed, Outcome
from webhooks.sql import waiting_by
from webhooks.transport import Failure, Reply, Request, Transport, unsent

PLACES = 512  # claimed or in flight a process; soft limits of 1,024 descriptors are common
ENDPOINT_PLACES = 64  # of them for one endpoint
BATCH = 256  # claimed or recorded at once
AT_A_TIME = 16  # sent before the next look at replies
RECORD_WITHIN_SECONDS = 0.01  # a result waits for company no longer
LOOK_EVERY_SECONDS = 2.0  # with every nudge lost
ASK_EVERY_SECONDS = 0.25
RECONNECT_SECONDS = 0.5

logger = logging.getLogger(__name__)


class Engine:
    """One a process; it keeps its connections from shift to shift."""

    def __init__(
        self,
        transport: Transport,
        *,
        journal: Journal | None = None,
        places: int = PLACES,
        endpoint_places: int = ENDPOINT_PLACES,
    ) -> None:
        self._transport, self._journal = transport, journal
        self._places, self._endpoint_places = places, endpoint_places
        self._busy: Counter[str] = Counter()
        self._claimed: deque[tuple[Claimed, float]] = deque()  # and until when it may be sent
        self._results: list[Outcome] = []
        self._record_at = self._look_at = self._inherit_at = 0.0
        self.attempts = 0

    @property
    def idle(self) -> bool:
        return not self._transport.in_flight and not self._claimed and not self._results

    def deliver_due(self, wanted: Callable[[], bool] = lambda: True) -> None:
        """Send all that is due, and what falls due by that; return when there is nothing left to do at once, or when
        it is no longer `wanted` and what is in hand has been finished.
        """
        self._look_at, ask_at = 0.0, time.monotonic() + ASK_EVERY_SECONDS
        self._inherit()
        self._claim()
        while not self.idle:
            self._proceed(ASK_EVERY_SECONDS)
            if time.monotonic() >= ask_at:
                if not wanted():
                    break
                ask_at = time.monotonic() + ASK_EVERY_SECONDS
            self._claim()
        self.finish()

    def run_shift(self, bell: Doorbell, *, leave: Callable[[bool], bool]) -> None:
        """Deliver, woken by `bell`, until `leave(idle)` says yes; it is asked a few times a second.

        What is in hand by then is for `finish`: the bell need not wait for it, nor the next engine for the bell.
        """
        self._look_at = 0.0
        self._transport.watch(bell.fileno(), lambda _: self._rung(bell))
        try:
            while not leave(self.idle):
                ask_at = time.monotonic() + ASK_EVERY_SECONDS
                while (left := ask_at - time.monotonic()) > 0:
                    self._work(left)
        finally:
            self._transport.unwatch(bell.fileno())

    def finish(self) -> None:
        """Send, wait for and record what is in hand. What can't be recorded within its lease is somebody else's."""
        until = time.monotonic() + lease_seconds()
        while not self.idle and time.monotonic() < until:
            self._work(ASK_EVERY_SECONDS, claiming=False)

    def _work(self, patience: float, *, claiming: bool = True) -> None:
        try:
            if claiming:
                self._inherit()
                self._claim()
            self._proceed(patience)
        except (OperationalError, InterfaceError) as error:
            logger.warning("webhook_engine_without_database", extra={"reason": str(error)})
            self._outlast()
            self._look_at = 0.0  # a claim that failed has left it to the bell, which may not ring

    def _outlast(self) -> None:
        """Without PostgreSQL, replies are taken all the same: recorded within their leases, they are not sent again."""
        connection.close()
        until = time.monotonic() + RECONNECT_SECONDS
        while (left := until - time.monotonic()) > 0:
            self._attend(left)

    def _rung(self, bell: Doorbell) -> None:
        bell.hush()
        self._look_at = 0.0

    def _proceed(self, patience: float) -> None:
        now = time.monotonic()
        until = min(now + patience, self._record_at if self._results else inf, self._look_at if self._room() else inf)
        self._attend(max(0.0, until - now))
        if self._results and (len(self._results) >= BATCH or self._must_record()):
            self._record()

    def _attend(self, patience: float) -> None:
        """Take the replies that have come and send some more; wait for replies only if nothing is left to send."""
        replies = self._transport.wait(0 if self._claimed else patience)
        now = datetime.now(UTC)
        self._keep([self._concluded(reply, now) for reply in replies])
        self._send_some(now)

    def _meanwhile(self) -> AbstractContextManager[None]:
        """With nothing in hand, PostgreSQL is waited for in psycopg's own way, which is a little quicker."""
        return waiting_by(self._tend) if self._transport.in_flight or self._claimed else nullcontext()

    def _tend(self, descriptor: int, events: int) -> int:
        """How PostgreSQL is waited for: requests proceed meanwhile."""
        came: list[int] = []
        self._transport.watch(descriptor, came.append, events)
        try:
            while not came:
                self._attend(ASK_EVERY_SECONDS)
        finally:
            self._transport.unwatch(descriptor)
        return came[0]

    def _must_record(self) -> bool:
        return not (self._transport.in_flight or self._claimed) or time.monotonic() >= self._record_at

    def _room(self) -> int:
        """How many to claim next: none as long as plenty wait to be sent."""
        if len(self._claimed) >= BATCH // 2:
            return 0
        return min(BATCH, self._places - self._transport.in_flight - len(self._claimed))

    def _claim(self) -> None:
        wanted = self._room()
        if not wanted or time.monotonic() < self._look_at:
            return
        if self._results and self._must_record():  # else it would be claimed again, where its lease has ended
            self._record()
        now, until = timezone.now(), time.monotonic() + LEASE_MARGIN_SECONDS / 2
        self._look_at = inf
        with self._meanwhile():
            claimed = queue.claim(
                now=now, free=wanted, cap=self._endpoint_places, busy=self._busy, lease_seconds=lease_seconds()
            )
        self._busy.update(delivery.webhook_id for delivery in claimed)
        self._claimed.extend((delivery, until) for delivery in claimed)
        with self._meanwhile():
            pause = 0 if len(claimed) == wanted else self._until_next_due(now)
        self._look_at = min(self._look_at, time.monotonic() + pause)  # the bell may have rung meanwhile

    def _until_next_due(self, now: datetime) -> float:
        """Seconds; a recorded batch or the bell make it sooner."""
        due = queue.next_due(now)
        return min(LOOK_EVERY_SECONDS, (due - now).total_seconds()) if due else LOOK_EVERY_SECONDS

    def _send_some(self, now: datetime) -> None:
        for _ in range(min(AT_A_TIME, len(self._claimed))):
            claimed, until = self._claimed.popleft()
            if time.monotonic() < until:
                self._send(claimed, now)
            else:  # we were stopped; by the time of a reply the delivery may be somebody else's
                self._forget(claimed)

    def _send(self, claimed: Claimed, now: datetime) -> None:
        self.attempts += 1
        try:
            self._transport.send(request_of(claimed, now))
        except Undecryptable as error:
            self._keep([self._concluded(unsent(Request(claimed, claimed.url, (), b""), Failure(str(error))), now)])

    def _concluded(self, reply: Reply, now: datetime) -> Outcome:
        claimed: Claimed = reply.request.key
        self._forget(claimed)
        return outcome_of(claimed, reply, now)

    def _keep(self, outcomes: list[Outcome]) -> None:
        """Until they are recorded; in the journal, they outlive us."""
        if not outcomes:
            return
        if self._journal:
            self._journal.write(outcomes)
        if not self._results:
            self._record_at = time.monotonic() + RECORD_WITHIN_SECONDS
        self._results += outcomes

    def _inherit(self) -> None:
        """Take over what processes of this machine were told before they died."""
        if self._journal and time.monotonic() >= self._inherit_at:
            self._inherit_at = time.monotonic() + ASK_EVERY_SECONDS
            for outcomes in orphaned(self._journal.folder):
                self._keep(outcomes)
                self._record_at = 0.0

    def _forget(self, claimed: Claimed) -> None:
        self._busy[claimed.webhook_id] -= 1
        if not self._busy[claimed.webhook_id]:
            del self._busy[claimed.webhook_id]

    def _record(self) -> None:
        results, self._results = self._results, []
        if self._journal:
            self._journal.turn()
        try:
            with self._meanwhile():
                conclude(results, timezone.now())
        except (OperationalError, InterfaceError):
            self._results = results + self._results  # for the next try, if it comes before their leases end
            raise
        if self._journal:
            self._journal.recorded()
        self._look_at = 0.0  # places are free, and the next of a strict order may be due
