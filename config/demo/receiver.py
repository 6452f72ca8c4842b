"""A partner's endpoint, built in: verifies both signatures as any partner would, and fails now and then on purpose.

The verification is written against Standard Webhooks 1.0 and the documented headers, not with the gateway's own signer:
it is the other side of the wire.
"""

import base64
import hashlib
import hmac
import threading
import time
import zlib
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
STEADY, SHAKY = "/steady", "/shaky"
# On /shaky every such event is turned away once, half of them with 503 and half with 500.
ONE_IN = 8


def verified(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether both signatures are right and the timestamp is fresh. The names of the headers are in lower case."""
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > TOLERANCE_SECONDS:
        return False
    plain = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers.get('webhook-id', '')}.{stamp}.".encode() + body
    standard = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    offered = headers.get("webhook-signature", "").split(" ")
    return hmac.compare_digest(plain, headers.get("x-webhook-signature", "")) and any(
        hmac.compare_digest(standard, each) for each in offered
    )


class Receiver:
    """Answers on a thread of its own between `start` and `stop`, and counts what it has seen."""

    def __init__(self, port: int) -> None:
        self.secrets: dict[str, str] = {}
        self.lock = threading.Lock()
        self.accepted: dict[str, Counter[str]] = {STEADY: Counter(), SHAKY: Counter()}
        self.turned_away: Counter[str] = Counter()
        self.signatures = Counter({True: 0, False: 0})
        receiver = self

        class Handler(_Handler):
            owner = receiver

        self.server = _Server(("127.0.0.1", port), Handler)

    def start(self) -> None:
        threading.Thread(target=self.server.serve_forever, name="receiver", daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status that a delivery gets."""
        genuine = verified(self.secrets.get(path, ""), headers, body)
        event = headers.get("webhook-id", "")
        with self.lock:
            self.signatures[genuine] += 1
            if not genuine:
                return 401
            if path == SHAKY and not self.turned_away[event] and zlib.crc32(event.encode()) % ONE_IN == 0:
                self.turned_away[event] += 1
                return 503 if len(self.turned_away) % 2 else 500
            self.accepted[path][event] += 1
            return 200

    def total(self) -> int:
        """Distinct events accepted, over both endpoints."""
        with self.lock:
            return sum(len(events) for events in self.accepted.values())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # The gateway opens many connections at once; the default of 5 would make most of them wait for a second try.
    request_queue_size = 512


class _Handler(BaseHTTPRequestHandler):
    owner: Receiver
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = self.owner.answer(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Quiet: the demo prints its own account."""
