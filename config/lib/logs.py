"""Logs: one JSON object a line (readable lines in development), each with the ids of what it was part of, no secrets.

Code logs with the standard library: ``logger.info("batch_done", extra={"batch_id": …})``: an event's name, and the rest
beside it. What the current request or task has bound (`bind`) is added to every line, also to those of libraries.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog
from structlog.contextvars import bind_contextvars, get_contextvars
from structlog.typing import EventDict, Processor

HIDDEN = "[redacted]"
_SECRET_NAMES = re.compile(
    r"secret|passw|token|authorization|cookie|signature|credential|private_key|encryption_key|backup_key|dsn",
    re.IGNORECASE,
)
_SECRET_TEXTS = re.compile(
    r"\b(?:sk_|whsec_)[\w+/=-]{8,}"  # API and signing secrets
    r"|\bgAAAAA[\w-]{20,}={0,2}"  # Fernet tokens
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"  # user and password of a URL
    r"|(?i:(?<=bearer )|(?<=basic ))[\w.~+/=-]{8,}"
)


def bind(**ids: str | int | None) -> None:
    """Add ids to every further line of this request or task: batch_id, integration_id, delivery_id …"""
    bind_contextvars(**{name: value for name, value in ids.items() if value is not None})


def request_id() -> str | None:
    """The id of the request that we work for, in the request itself and in the tasks that it caused."""
    return get_contextvars().get("request_id")


def redact(value: Any) -> Any:
    """`value` with whatever looks like a secret replaced, by its name in a mapping or by its form in a text."""
    if isinstance(value, str):
        return _SECRET_TEXTS.sub(HIDDEN, value)
    if isinstance(value, Mapping):
        return {name: HIDDEN if _is_secret(name, inner) else redact(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [redact(inner) for inner in value]
    return value


def _is_secret(name: Any, value: Any) -> bool:
    return value is not None and bool(_SECRET_NAMES.search(str(name)))


def _redacted(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {name: inner if name.startswith("_") else redact({name: inner})[name] for name, inner in event.items()}


def _line(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configuration(*, level: str, as_json: bool) -> dict[str, Any]:
    """Django's LOGGING. Every logger ends in one handler on stderr."""
    chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        _redacted,
    ]
    for_people = structlog.dev.ConsoleRenderer(timestamp_key="at", colors=sys.stderr.isatty())
    renderer: Processor = structlog.processors.JSONRenderer(_line) if as_json else for_people
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": chain,
        "processors": [remove, renderer],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "axes": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},  # refusals are in the line of their request
            "django.server": {"handlers": [], "propagate": True},
            # Our own line tells of each task, once, when it has ended.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
        },
    }
