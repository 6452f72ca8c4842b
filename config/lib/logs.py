"""Logs: one JSON object a line (readable lines in development), each with the ids of what it was part of, no secrets.

Code logs with the standard library: ``logger.info("batch_done", extra={"batch_id": …})``: an event's name, and the rest
beside it. What the current request or task has bound (`bind`) is added to every line, also to those of libraries.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

HIDDEN = "[redacted]"
_SECRET_NAMES = re.compile(
    r"secret|passw|token|authorization|cookie|signature|credential|private_key|encryption_key|backup_key|dsn",
    re.IGNORECASE,
)
_SECRET_TEXTS = re.compile(
    r"\b(?:sk_|whsec_)[\w+/=-]{8,}"  # API and signing secrets
    r"|\bgAAAAA[\w-]{20,}={0,2}"  # Fernet tokens
    r'|(?<=://)[^\s/@:"]*:[^\s/@"]+(?=@)'  # user and password of a URL
    r"|(?:(?<=[Bb]earer )|(?<=[Bb]asic ))[\w.~+/=-]{8,}"
)
# Looked for first: the pattern takes ten times as long, and few lines hold any of these.
_HINTS = ("sk_", "whsec_", "gAAAAA", "://", "earer ", "asic ")
# What every record has; the rest is what was logged beside the event. Of a task that failed Celery logs `data`, too:
# its traceback a second time, and its name and id, which are bound.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "data"}


def bind(**ids: str | int | None) -> None:
    """Add ids to every further line of this request or task: batch_id, integration_id, delivery_id …"""
    bind_contextvars(**{name: value for name, value in ids.items() if value is not None})


@contextmanager
def scope() -> Iterator[None]:
    """What is bound within the block is forgotten after it: for one of several works of a task."""
    outside = get_contextvars()
    try:
        yield
    finally:
        clear_contextvars()
        bind_contextvars(**outside)


def request_id() -> str | None:
    """The id of the request that we work for, in the request itself and in the tasks that it caused."""
    return get_contextvars().get("request_id")


def redact(value: Any) -> Any:
    """`value` with whatever looks like a secret replaced, by its name in a dictionary or by its form in a text."""
    return _without_secrets(value) if isinstance(value, str) else _by_name(value, redact)


def _without_secrets(text: str) -> str:
    return _SECRET_TEXTS.sub(HIDDEN, text) if any(hint in text for hint in _HINTS) else text


def _names_only(value: Any) -> Any:
    return _by_name(value, _names_only)


def _by_name(value: Any, inside: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {
            name: HIDDEN if inner is not None and _is_secret(str(name)) else inside(inner)
            for name, inner in value.items()
        }
    return [inside(inner) for inner in value] if isinstance(value, list | tuple) else value


@lru_cache(maxsize=1000)
def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAMES.search(name))


class Line(logging.Formatter):
    """A record as one line; texts are searched for secrets as the very last thing, whatever brought them there."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json
        self._for_people = structlog.dev.ConsoleRenderer(timestamp_key="at", colors=sys.stderr.isatty())

    def format(self, record: logging.LogRecord) -> str:
        fields = _names_only(self._fields(record))
        line = _as_json(fields) if self._as_json else str(self._for_people(None, "", fields))
        return _without_secrets(line)

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields = {"at": at, "level": record.levelname.lower(), "event": record.getMessage(), "logger": record.name}
        fields |= get_contextvars()
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return fields


def _as_json(fields: dict[str, Any]) -> str:
    return orjson.dumps(fields, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configuration(*, level: str, as_json: bool) -> dict[str, Any]:
    """Django's LOGGING. Every logger ends in one handler on stderr."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": Line, "as_json": as_json}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "axes": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},  # refusals are in the line of their request
            "django.server": {"handlers": [], "propagate": True},
            # Our own line tells of each task, once, when it has ended.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "django_celery_beat": {"level": "WARNING"},
        },
    }
