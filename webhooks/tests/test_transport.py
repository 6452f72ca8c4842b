import gc
import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from webhooks.addresses import parse_networks
from webhooks.tests.receiver import Endless, Raw, Receiver, Status, gzip_bomb, hang_up, reset
from webhooks.transport import BODY_MAX, Reply, Request, Transport

LOOPBACK = parse_networks(["127.0.0.0/8", "::1/128"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(timeout=5, allowed=LOOPBACK)
    yield transport
    transport.close()


@pytest.fixture
def impatient() -> Iterator[Transport]:
    transport = Transport(timeout=0.3, allowed=LOOPBACK)
    yield transport
    transport.close()


def request(url: str, *, key: object = None, body: bytes = b"{}", headers: tuple[str, ...] = ()) -> Request:
    return Request(key, url, headers, body)


def exchange(transport: Transport, *requests: Request) -> list[Reply]:
    for one in requests:
        transport.send(one)
    replies: list[Reply] = []
    while transport.in_flight:
        replies += transport.wait(10)
    return replies


def only(transport: Transport, url: str) -> Reply:
    (reply,) = exchange(transport, request(url))
    return reply


def failure(reply: Reply) -> str:
    assert reply.failure
    assert not reply.ok
    return reply.failure.sentence


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def certificate(folder: Path, host: str = "127.0.0.1") -> Path:
    """A self-signed certificate with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(parse_networks([host])[0][0])]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(secret + signed.public_bytes(encoding))
    return path


def test_posts_the_bytes_and_headers_it_was_given(transport: Transport, receiver: Receiver) -> None:
    headers = ("Content-Type: application/json", "webhook-id: evt_1")
    (reply,) = exchange(transport, request(receiver.url, key=7, body='{"a":"é"}'.encode(), headers=headers))
    assert (reply.ok, reply.code, reply.body, reply.request.key) == (True, 200, b"ok", 7)
    assert (reply.failure, reply.truncated, reply.remote_ip) == (None, False, "127.0.0.1")
    (received,) = receiver.received
    assert (received.method, received.path, received.body) == ("POST", "/hook", '{"a":"é"}'.encode())
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == "evt_1"


def test_reads_the_headers_and_the_phases_of_a_reply(transport: Transport, receiver: Receiver) -> None:
    receiver.answers(Status(headers=(("X-One", "1"), ("x-one", "2"), ("X-Latin", "é"))))
    reply = only(transport, receiver.url)
    assert reply.headers == {"content-length": "2", "x-one": "1, 2", "x-latin": "é"}
    assert 0 < reply.timings["connect"] <= reply.timings["reply"] <= reply.timings["total"]


def test_keeps_connections_alive_between_requests(transport: Transport, receiver: Receiver) -> None:
    for _ in range(5):
        assert only(transport, receiver.url).ok
    assert (len(receiver.received), receiver.connections) == (5, 1)


def test_a_connection_that_the_receiver_closed_meanwhile_costs_no_attempt(
    transport: Transport, receiver: Receiver
) -> None:
    receiver.answers(Raw((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",)))
    assert [only(transport, receiver.url).ok for _ in range(3)] == [True] * 3


def test_many_requests_are_in_flight_at_once(transport: Transport, receiver: Receiver) -> None:
    receiver.answers(Status(delay=0.2))
    started = time.monotonic()
    replies = exchange(transport, *(request(receiver.url, key=number) for number in range(50)))
    assert sorted(reply.request.key for reply in replies) == list(range(50))
    assert time.monotonic() - started < 50 * 0.2 / 2


def test_a_hung_receiver_does_not_hold_up_another(transport: Transport, receiver: Receiver) -> None:
    with Receiver() as hung:
        hung.answers(Status(delay=3))
        transport.send(request(hung.url))
        transport.send(request(receiver.url))
        assert [reply.request.url for reply in transport.wait(2)] == [receiver.url]


@pytest.mark.parametrize("code", [200, 201, 204, 299])
def test_every_2xx_is_a_success(transport: Transport, receiver: Receiver, code: int) -> None:
    receiver.answers(Status(code, b""))
    assert only(transport, receiver.url).ok


@pytest.mark.parametrize("code", [300, 304, 400, 404, 410, 429, 500, 503])
def test_every_other_code_is_none_though_complete(transport: Transport, receiver: Receiver, code: int) -> None:
    receiver.answers(Status(code, b""))
    reply = only(transport, receiver.url)
    assert (reply.ok, reply.code, reply.failure) == (False, code, None)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(transport: Transport, receiver: Receiver, code: int) -> None:
    receiver.answers(Status(code, b"", (("Location", receiver.url + "/elsewhere"),)))
    reply = only(transport, receiver.url)
    assert (reply.ok, reply.code) == (False, code)
    assert [received.path for received in receiver.received] == ["/hook"]


@pytest.mark.parametrize("size", [0, BODY_MAX - 1, BODY_MAX])
def test_bodies_within_the_limit_are_kept_whole(transport: Transport, receiver: Receiver, size: int) -> None:
    receiver.answers(Status(200, b"x" * size))
    reply = only(transport, receiver.url)
    assert (reply.ok, len(reply.body), reply.truncated) == (True, size, False)


@pytest.mark.parametrize("code", [200, 500])
def test_a_longer_body_is_cut_and_the_status_decides(transport: Transport, receiver: Receiver, code: int) -> None:
    receiver.answers(Status(code, b"x" * (BODY_MAX + 1)))
    reply = only(transport, receiver.url)
    assert (reply.ok, reply.code, len(reply.body), reply.truncated) == (code == 200, code, BODY_MAX, True)


def test_an_endless_body_is_cut_off(transport: Transport, receiver: Receiver) -> None:
    receiver.answers(Endless())
    reply = only(transport, receiver.url)
    assert (reply.ok, len(reply.body), reply.truncated) == (True, BODY_MAX, True)


def test_compressed_replies_are_kept_as_they_came(transport: Transport, receiver: Receiver) -> None:
    receiver.answers(gzip_bomb())
    reply = only(transport, receiver.url)
    assert reply.ok
    assert reply.body.startswith(b"\x1f\x8b")
    assert len(reply.body) == BODY_MAX
    assert "accept-encoding" not in receiver.received[0].headers


def test_endless_headers_are_cut_off(transport: Transport, receiver: Receiver) -> None:
    receiver.answers(Endless(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 900 + b"\r\n"))
    assert failure(only(transport, receiver.url)) == "The headers of the reply exceed 32 KiB"


def test_a_header_that_does_not_end_is_cut_off(transport: Transport, receiver: Receiver) -> None:
    receiver.answers(Endless(b"HTTP/1.1 200 OK\r\nX-More: ", b"x" * 4096))
    assert failure(only(transport, receiver.url)) == "The headers of the reply exceed 32 KiB"


def test_endless_interim_replies_are_cut_off(transport: Transport, receiver: Receiver) -> None:
    receiver.answers(Endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"))
    assert failure(only(transport, receiver.url)) == "The headers of the reply exceed 32 KiB"


def test_an_endless_header_line_is_cut_off(transport: Transport, receiver: Receiver) -> None:
    receiver.answers(Endless(b"HTTP/1.1 200 OK\r\nX-Long: "))
    assert failure(only(transport, receiver.url)) != ""


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Status(delay=2), "no reply came"),
        (Endless(b"HTTP/1.1 200 OK\r\n\r\n", b".", pause=0.05), "the reply did not end"),
        (Endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b".", pause=0.05), "reply"),
    ],
)
def test_one_deadline_covers_the_whole_reply(
    impatient: Transport, receiver: Receiver, answer: Callable[..., bool], sentence: str
) -> None:
    receiver.answers(answer)
    reply = only(impatient, receiver.url)
    assert failure(reply).startswith("No complete reply within 0.3 s: ")
    assert sentence in failure(reply)
    assert 300 <= reply.duration_ms < 1500


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Status(delay=2), "no reply came"),
        (Endless(b"HTTP/1.1 200 OK\r\n\r\n", b".", pause=0.05), "the reply did not end"),
    ],
)
def test_a_connection_used_again_names_what_it_waited_for(
    impatient: Transport, receiver: Receiver, answer: Callable[..., bool], sentence: str
) -> None:
    receiver.answers(Status(), answer)
    assert only(impatient, receiver.url).ok
    assert failure(only(impatient, receiver.url)) == f"No complete reply within 0.3 s: {sentence}"
    assert receiver.connections == 1


def test_the_deadline_covers_a_connection_that_is_never_accepted(impatient: Transport) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        assert "the connection was not accepted" in failure(only(impatient, f"http://127.0.0.1:{port}/"))
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Raw((b"SSH-2.0-OpenSSH_9.2\r\n",)), "The reply is not HTTP"),
        (Raw((b"\x00\xff\x17garbage" * 100,)), "The reply is not HTTP"),
        (Raw((b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",)), "The reply ended early"),
        (Raw((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",)), "The"),
        (hang_up, "The connection was closed without a reply"),
        (reset, "The connection broke before the reply was complete"),
    ],
)
def test_broken_replies_fail_with_a_plain_sentence(
    transport: Transport, receiver: Receiver, answer: Callable[..., bool], sentence: str
) -> None:
    receiver.answers(answer)
    reply = only(transport, receiver.url)
    assert failure(reply).startswith(sentence)
    assert reply.failure
    assert not reply.failure.permanent


def test_nobody_listening_is_a_temporary_failure(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reply = only(transport, f"http://127.0.0.1:{port}/")
    assert failure(reply).startswith("The connection failed")
    assert reply.failure
    assert not reply.failure.permanent


def test_an_unknown_name_is_a_temporary_failure(transport: Transport) -> None:
    reply = only(transport, "http://nowhere.invalid/")
    assert failure(reply).startswith("The host name could not be resolved")
    assert reply.failure
    assert not reply.failure.permanent


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "0", "[::]"]
)
def test_no_connection_is_made_to_a_refused_address(receiver: Receiver, host: str) -> None:
    strict = Transport(timeout=5)
    reply = only(strict, f"http://{host}:{receiver.port}/")
    strict.close()
    assert "private or reserved" in failure(reply)
    assert reply.failure
    assert reply.failure.permanent
    assert (receiver.received, receiver.connections) == ([], 0)


def test_a_name_whose_first_address_is_refused_is_not_tried_at_the_next(receiver: Receiver) -> None:
    """localhost is ::1 and 127.0.0.1; opening only the second does not open the name."""
    half_open = Transport(timeout=5, allowed=parse_networks(["127.0.0.0/8"]))
    reply = only(half_open, f"http://localhost:{receiver.port}/")
    half_open.close()
    assert "::1" in failure(reply)
    assert receiver.received == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "http://💩..x/"])
def test_other_protocols_and_broken_urls_are_never_called(transport: Transport, url: str) -> None:
    reply = only(transport, url)
    assert failure(reply)
    assert reply.body == b""


def test_proxies_of_the_environment_are_ignored(
    transport: Transport, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:1")
    assert only(transport, receiver.url).ok


def test_an_untrusted_certificate_fails(transport: Transport, tmp_path: Path) -> None:
    with Receiver(certificate=certificate(tmp_path)) as receiver:
        assert failure(only(transport, receiver.url)).startswith("The certificate of the host is not trusted")
        assert receiver.received == []


def test_a_certificate_of_another_host_fails(tmp_path: Path) -> None:
    path = certificate(tmp_path, "127.0.0.2")
    with Receiver(certificate=path) as receiver:
        transport = Transport(timeout=5, allowed=LOOPBACK, ca_file=str(path))
        assert failure(only(transport, receiver.url)).startswith("The certificate of the host is not trusted")
        transport.close()


def test_a_trusted_certificate_passes(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    with Receiver(certificate=path) as receiver:
        transport = Transport(timeout=5, allowed=LOOPBACK, ca_file=str(path))
        reply = only(transport, receiver.url)
        transport.close()
    assert reply.ok
    assert reply.timings["tls"] > 0


def test_plain_http_behind_an_https_url_fails(transport: Transport, receiver: Receiver) -> None:
    assert failure(only(transport, receiver.url.replace("http:", "https:"))).startswith("TLS failed")


def test_a_receiver_that_never_answers_the_tls_hello_meets_the_deadline(impatient: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        assert "TLS was not agreed upon" in failure(only(impatient, url))


def test_waiting_with_nothing_in_flight_returns_when_time_is_up(transport: Transport) -> None:
    assert transport.wait(0) == []
    assert transport.wait(0.01) == []


def test_a_watched_descriptor_wakes_a_wait(transport: Transport, receiver: Receiver) -> None:
    receiver.answers(Status(delay=3))
    reader, writer = socket.socketpair()
    heard: list[bytes] = []
    transport.watch(reader.fileno(), lambda _: heard.append(reader.recv(1)))
    transport.send(request(receiver.url))
    writer.send(b"!")
    started = time.monotonic()
    assert transport.wait(3) == []
    assert heard == [b"!"]
    assert time.monotonic() - started < 2
    transport.unwatch(reader.fileno())
    reader.close()
    writer.close()


def test_a_thousand_requests_leave_no_descriptors_behind(transport: Transport, receiver: Receiver) -> None:
    receiver.answers(Raw((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",)))
    exchange(transport, *(request(receiver.url) for _ in range(20)))
    gc.collect()
    before = open_descriptors()
    for _ in range(10):
        exchange(transport, *(request(receiver.url) for _ in range(20)))
    assert open_descriptors() <= before + 20
