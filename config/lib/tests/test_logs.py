"""What reaches the log: one object a line, the ids of what it belongs to, and never a secret."""

import io
import json
import logging
import logging.config
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import clear_contextvars

from config.lib import logs

SECRETS = [
    "sk_0123456789abcdef0123456789abcdef",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "gAAAAABnPq0rX3tq9m8b1Yc0f3oZs2w-Vd7k_Jh5Tg==",
]
logger = logging.getLogger("gateway.test")


@pytest.fixture
def written() -> Any:
    """The lines that the test's own logger wrote, as JSON."""
    clear_contextvars()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Line(as_json=True))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    clear_contextvars()


def test_a_line_is_one_object_with_what_is_beside_the_event(written: Any) -> None:
    logger.info("batch_done", extra={"batch_id": "BATCH-1", "rows": 3})
    (line,) = written()
    assert line.pop("at").endswith("Z")
    assert line == {"event": "batch_done", "level": "info", "logger": "gateway.test", "batch_id": "BATCH-1", "rows": 3}


def test_every_line_bears_the_ids_that_are_bound(written: Any) -> None:
    logs.bind(request_id="r1", delivery_id="del_1", batch_id=None)
    logger.warning("slow")
    assert logs.request_id() == "r1"
    (line,) = written()
    assert (line["request_id"], line["delivery_id"], "batch_id" in line) == ("r1", "del_1", False)


def test_line_breaks_and_odd_values_stay_within_their_line(written: Any) -> None:
    logger.info("two\nlines", extra={"value": object(), "by_number": {1: "one"}})
    (line,) = written()
    assert line["event"] == "two\nlines"
    assert line["by_number"] == {"1": "one"}


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_hidden_in_the_event_beside_it_and_in_tracebacks(written: Any, secret: str) -> None:
    try:
        int(f"bad key {secret}")
    except ValueError:
        logger.exception("refused %s", secret, extra={"seen": [{"deep": f"was {secret}"}]})
    (line,) = written()
    assert secret not in json.dumps(line)
    assert line["event"].startswith("refused [redacted]")
    assert "'bad key [redacted]'" in line["exception"]


@pytest.mark.parametrize(
    "name", ["api_secret", "X-API-Secret", "password", "Authorization", "sessionid_cookie", "csrftoken", "BACKUP_KEY"]
)
def test_a_name_that_speaks_of_secrets_hides_its_value(written: Any, name: str) -> None:
    logger.info("seen", extra={"headers": {name: "anything at all"}, "given": {name: None}})
    (line,) = written()
    assert line["headers"] == {name: "[redacted]"}
    assert line["given"] == {name: None}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:hunter2@cache:6379/0", "redis://[redacted]@cache:6379/0"),
        ("postgres://gateway:pa:ss@db/gateway", "postgres://[redacted]@db/gateway"),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer [redacted]"),
        ("authorization: basic YWxhZGRpbjpvcGVu", "authorization: basic [redacted]"),
        (
            '"url":"https://partner.example:8443","mail":"a@b.example"',
            '"url":"https://partner.example:8443","mail":"a@b.example"',
        ),
        ("https://partner.example:8443/hook?a=b", "https://partner.example:8443/hook?a=b"),
        ("ak_1767225600000_0123456789abcdef is known", "ak_1767225600000_0123456789abcdef is known"),
    ],
)
def test_texts_lose_their_secrets_and_nothing_else(text: str, shown: str) -> None:
    assert logs.redact(text) == shown


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_redaction_keeps_the_shape_of_whatever_it_is_given(value: Any) -> None:
    shown = logs.redact(value)
    assert shown == value or "[redacted]" in str(shown)


def test_lines_for_people_have_the_same_content_and_no_secret() -> None:
    record = logger.makeRecord("gateway.test", logging.INFO, "f", 1, f"made {SECRETS[0]}", (), None)
    line = logs.Line(as_json=False).format(record)
    assert "made [redacted]" in line
    assert SECRETS[0] not in line


def test_the_configuration_is_one_that_logging_takes() -> None:
    before = logging.root.handlers[:], logging.root.level
    try:
        logging.config.dictConfig(logs.configuration(level="WARNING", as_json=True))
        (handler,) = logging.root.handlers
        assert isinstance(handler, logging.StreamHandler)
        assert handler.stream is sys.stderr
    finally:
        logging.root.handlers[:] = before[0]
        logging.root.setLevel(before[1])
