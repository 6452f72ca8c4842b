"""A partner that never gives up: submits batches and files over HTTP, each under its own key, until they are taken.

Whatever answers in between (a refused connection, a 500, a 503) is met as a careful client meets it: the same request
again, under the same `Idempotency-Key`.
"""

import json
import threading
import time
import uuid
from typing import Any

import requests

from config.demo.orders import forms
from config.demo.partner import ROWS_A_REQUEST, Partner

ROWS_A_FILE = 1_000
FILES_SHARE = 5  # every so manyth row comes by file
AGAIN_SECONDS = 0.25
REFUSED = range(400, 500)
BUSY = 409  # the first request under this key is still running


class PartnerRefused(Exception):
    """The gateway said no to something that it must take."""


class Submission(threading.Thread):
    """`rows` orders at about `rate` a second, in the background; `batches` are those that were taken."""

    def __init__(self, partner: Partner, rows: int, rate: float) -> None:
        super().__init__(daemon=True, name="partner")
        self.partner, self.rate, self.left = partner, rate, rows
        self.files_left = rows // FILES_SHARE // ROWS_A_FILE
        self.forms = forms(ROWS_A_FILE)
        self.batches: list[str] = []
        self.rows = self.refused = self.repeats = self.replayed = 0
        self.error: Exception | None = None

    def run(self) -> None:
        started = time.monotonic()
        try:
            while self.left > 0:
                self._submit_some()
                time.sleep(max(0.0, started + self.rows / self.rate - time.monotonic()))
        except Exception as error:
            self.error = error
            raise

    def finish(self) -> None:
        self.join()
        if self.error is not None:
            raise PartnerRefused(str(self.error))

    def _submit_some(self) -> None:
        turn = len(self.batches) % FILES_SHARE == FILES_SHARE - 1
        by_file = turn and self.files_left > 0 and self.left >= ROWS_A_FILE
        rows = self.forms if by_file else self.forms[: min(ROWS_A_REQUEST, self.left)]
        reply = self._until_taken(rows, by_file=by_file)
        self.files_left -= by_file
        self.left -= len(rows)
        self.rows += len(rows)
        self.refused += reply["summary"]["failed"]
        self.batches.append(reply["batchId"])

    def _until_taken(self, rows: list[dict[str, Any]], *, by_file: bool) -> dict[str, Any]:
        key = str(uuid.uuid4())
        while True:
            try:
                reply = self._post(rows, key, by_file=by_file)
            except requests.RequestException:
                reply = None
            if reply is not None and reply.ok:
                self.replayed += "Idempotent-Replayed" in reply.headers
                taken: dict[str, Any] = reply.json()
                return taken
            if reply is not None and reply.status_code in REFUSED and reply.status_code != BUSY:
                raise PartnerRefused(f"{reply.status_code}: {reply.text[:300]}")
            self.repeats += 1
            time.sleep(AGAIN_SECONDS)

    def _post(self, rows: list[dict[str, Any]], key: str, *, by_file: bool) -> requests.Response:
        address, headers = f"{self.partner.base_url}/api/bulk-orders", {"Idempotency-Key": key}
        if not by_file:
            return self.partner.session.post(address, json={"orders": rows}, headers=headers, timeout=30)
        lines = "\n".join(map(json.dumps, rows))
        files = {"file": ("orders.jsonl", lines, "application/jsonl")}
        return self.partner.session.post(f"{address}/upload", files=files, headers=headers, timeout=60)
