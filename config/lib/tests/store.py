"""A small S3-compatible store: path-style objects, lists, multipart uploads; it wants a signature by the right key."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

ACCESS_KEY = "access"
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Store(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]
    parts: dict[int, bytes]

    def do_PUT(self) -> None:
        body = self._body()
        query = self._query()
        if "partNumber" in query:
            self.parts[int(query["partNumber"])] = body
        else:
            self.objects[self._key()] = body
        self._answer(200, ETag='"0123456789abcdef"')

    def do_POST(self) -> None:
        self._body()
        if "uploads" in self._query():
            self.parts.clear()
            self._answer(200, self._xml("InitiateMultipartUploadResult", "<UploadId>upload-1</UploadId>"))
            return
        self.objects[self._key()] = b"".join(self.parts[number] for number in sorted(self.parts))
        told = f'<Bucket>backups</Bucket><Key>{self._key()}</Key><ETag>"0"</ETag><Location>x</Location>'
        self._answer(200, self._xml("CompleteMultipartUploadResult", told))

    def do_GET(self) -> None:
        if not self._signed():
            self._answer(403, self._xml("Error", "<Code>SignatureDoesNotMatch</Code><Message>no</Message>"))
        elif "list-type" in self._query() or self._key() == "backups":
            self._answer(200, self._list(self._query().get("prefix", "")))
        elif self._key() in self.objects:
            self._answer(200, self.objects[self._key()], ETag='"0"')
        else:
            self._answer(404, self._xml("Error", "<Code>NoSuchKey</Code><Message>no</Message>"))

    def do_DELETE(self) -> None:
        self.objects.pop(self._key(), None)
        self._answer(204)

    def _list(self, prefix: str) -> bytes:
        keys = sorted(key.removeprefix("backups/") for key in self.objects)
        entry = "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>1</Size></Contents>"
        found = "".join(entry.format(escape(key)) for key in keys if key.startswith(prefix))
        return self._xml("ListBucketResult", f"<Name>backups</Name><IsTruncated>false</IsTruncated>{found}")

    def _xml(self, root: str, inner: str) -> bytes:
        return f'<?xml version="1.0"?><{root} {NAMESPACE}>{inner}</{root}>'.encode()

    def _signed(self) -> bool:
        given = self.headers.get("Authorization", "")
        return bool(re.match(rf"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/\d{{8}}/eu-central-1/s3/aws4_request", given))

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).strip("/")

    def _query(self) -> dict[str, str]:
        return {name: value[0] for name, value in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()}

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        if body.startswith(b"<?xml"):
            self.send_header("Content-Type", "application/xml")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def running() -> Iterator[tuple[str, dict[str, bytes]]]:
    """The URL for BACKUP_S3_URL, and the objects that are stored, by bucket and key."""
    objects: dict[str, bytes] = {}
    handler = type("Handler", (Store,), {"objects": objects, "parts": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        place = f"127.0.0.1:{server.server_address[1]}/backups/nightly?region=eu-central-1"
        yield f"http://{ACCESS_KEY}:se%2Fcret@{place}", objects
    finally:
        server.shutdown()
        server.server_close()
