"""Who may read the metrics, and the port on which a machine without a web process offers them."""

import hmac
import ipaddress
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST

from config.lib.metrics.scrape import exposition


def permitted(authorization: str | None, address: str) -> bool:
    """By ``METRICS_TOKEN`` if there is one, else from ``METRICS_NETWORKS`` (loopback unless set)."""
    if settings.METRICS_TOKEN:
        # Bytes: compare_digest refuses text beyond ASCII.
        return hmac.compare_digest((authorization or "").encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(caller in ipaddress.ip_network(network) for network in settings.METRICS_NETWORKS)


class _Handler(BaseHTTPRequestHandler):
    server_version = "gateway"

    def do_GET(self) -> None:
        allowed = permitted(self.headers.get("Authorization"), self.client_address[0])
        body = exposition() if allowed else b"Forbidden\n"
        self.send_response(200 if allowed else 403)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST if allowed else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Nobody reads a line for every scrape."""


def serve(host: str, port: int) -> ThreadingHTTPServer:
    """Offer the counters of this machine's processes, from a thread: for workers without a web process beside them."""
    server = ThreadingHTTPServer((host, port), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
