"""The parts of the demo that stand alone: its receiver, its orders, its ports and its sums."""

import hmac
import json
import socket
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from bulk_orders.verdicts import reach_verdicts
from config.demo.addresses import free_ports, is_free
from config.demo.orders import BAD_EVERY, forms
from config.demo.receiver import SHAKY, STEADY, Receiver, verified
from config.demo.story import Outcome
from webhooks.signing import generate_secret

SECRET = generate_secret()


def signed(event: str = "evt_1", secret: str = SECRET, at: int | None = None) -> tuple[dict[str, str], bytes]:
    """Headers and body as an independent library signs them, with the plain signature beside."""
    body, stamp = b'{"id":"x"}', at or int(time.time())
    standard = Webhook(secret).sign(event, datetime.fromtimestamp(stamp, UTC), body.decode())
    plain = hmac.new(secret.encode(), body, "sha256").hexdigest()
    return {
        "webhook-id": event,
        "webhook-timestamp": str(stamp),
        "webhook-signature": standard,
        "x-webhook-signature": plain,
    }, body


def test_the_receiver_knows_a_right_signature() -> None:
    assert verified(SECRET, *signed())


@pytest.mark.parametrize("name", ["webhook-signature", "x-webhook-signature"])
def test_the_receiver_wants_both_signatures(name: str) -> None:
    headers, body = signed()
    assert not verified(SECRET, headers | {name: headers[name][:-2] + "00"}, body)
    assert not verified(SECRET, {key: value for key, value in headers.items() if key != name}, body)


def test_the_receiver_refuses_other_secrets_bodies_ids_and_old_stamps() -> None:
    headers, body = signed()
    assert not verified(generate_secret(), headers, body)
    assert not verified(SECRET, headers, body + b" ")
    assert not verified(SECRET, headers | {"webhook-id": "evt_2"}, body)
    assert not verified(SECRET, *signed(at=int(time.time()) - 3600))
    assert not verified(SECRET, headers | {"webhook-timestamp": "soon"}, body)


def test_the_receiver_over_http_turns_some_events_away_once() -> None:
    receiver = Receiver(0)
    receiver.secrets = {STEADY: SECRET, SHAKY: SECRET}
    receiver.start()
    try:
        first, second = ([_post(receiver, SHAKY, f"evt_{number}") for number in range(40)] for _ in range(2))
        steady = [_post(receiver, STEADY, f"evt_{number}") for number in range(40)]
    finally:
        receiver.stop()
    assert set(first) == {200, 500, 503}
    assert set(second) == {200}
    assert set(steady) == {200}
    assert receiver.total() == 80
    assert receiver.signatures == {True: 120, False: 0}
    assert len(receiver.turned_away) == 40 - first.count(200)


def _post(receiver: Receiver, path: str, event: str) -> int:
    headers, body = signed(event)
    return requests.post(receiver.url(path), data=body, headers=headers, timeout=10).status_code


def test_the_receiver_answers_401_to_a_stranger() -> None:
    receiver = Receiver(0)
    receiver.secrets = {STEADY: generate_secret()}
    assert receiver.answer(STEADY, *signed()) == 401
    assert (receiver.total(), receiver.signatures[False]) == (0, 1)
    receiver.server.server_close()


def test_one_order_in_25_is_wrong_and_the_rulebook_says_so() -> None:
    rows = json.loads(json.dumps(forms(200)))
    verdicts = list(reach_verdicts(rows, on=datetime.now(UTC).date(), stop_on_error=False))
    bad = [verdict.at for verdict in verdicts if verdict.problems]
    assert bad == list(range(BAD_EVERY - 1, 200, BAD_EVERY))


def test_a_taken_port_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not is_free(port)
        found = free_ports(port - 1, 2)
        assert found[0] > port
        assert found[1] == found[0] + 1


def outcome(**changes: Any) -> Outcome:
    facts: dict[str, Any] = {
        "submitted": 2,
        "batches": [{"succeeded": 1, "failed": 1}],
        "deliveries": [{"status": "delivered", "attempts": 2}],
        "verified": 2,
        "unverified": 0,
        "turned_away": 1,
        "seconds": 1.0,
    }
    return Outcome(**facts | changes)


def test_a_good_outcome_has_no_faults() -> None:
    assert outcome().faults() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"submitted": 3},
        {"unverified": 1},
        {"turned_away": 0},
        {"deliveries": [{"status": "failed", "attempts": 2}]},
    ],
)
def test_whatever_is_lost_is_a_fault(changes: dict[str, Any]) -> None:
    assert len(outcome(**changes).faults()) == 1
