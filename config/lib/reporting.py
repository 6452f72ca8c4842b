"""Reports of defects to Sentry, where SENTRY_DSN names one: the error and where it arose, no data of anybody."""

from typing import TYPE_CHECKING, Any

import sentry_sdk
from structlog.contextvars import get_contextvars

from config.lib.logs import redact

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint


def start(dsn: str, *, release: str) -> None:
    sentry_sdk.init(
        dsn,
        release=release,
        send_default_pii=False,
        include_local_variables=False,  # they hold bodies and secrets
        max_request_body_size="never",
        max_breadcrumbs=20,
        before_send=_cleaned,
    )


def _cleaned(event: "Event", _hint: "Hint") -> "Event":
    """Without secrets, and with the ids by which the log tells the rest."""
    cleaned: Any = redact(event)
    cleaned["tags"] = dict(cleaned.get("tags") or {}) | {name: str(value) for name, value in get_contextvars().items()}
    return cleaned  # type: ignore[no-any-return]  # the same shape, with other texts
