"""How a process connects to PostgreSQL."""

from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from environ import Env

# Of the 64 threads that `web` has for calls, so many may wait for a connection: as many as there are when 16 hold one.
# While PostgreSQL is away the others still answer that it is, and that the process lives.
WAITING = 48
# A PostgreSQL whose machine vanishes says no farewell, and left to the kernel a statement would wait for many minutes.
# So silence is asked about after 10 s and ends a connection after 25, and what is sent must be acknowledged within 20.
# On a Unix socket libpq ignores all of them. The server asks likewise about a client whose machine vanishes: in the
# midst of a stream it would wait for hours, with the transaction open.
_VANISHED: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# What `config.lib.postgresql.statements` runs is prepared by the server at its fourth run on a connection, and planned
# once. Left alone, PostgreSQL goes on planning for every new set of parameters, which takes longer than most of these
# statements. Neither concerns Django's own cursors, which bind on the client.
_PREPARED_AFTER = 3
_PLANNED_ONCE = "-c plan_cache_mode=force_generic_plan"
_VANISHED_CLIENT = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"


def connection_to(url: str, *, pool_size: int, lock_timeout: str, shared: bool) -> dict[str, Any]:
    """Django's form of a PostgreSQL URL. ``?host=/folder`` names a socket; a pool is wanted by web processes only:
    Celery closes one at every task's end (celery#10554), so its workers keep single connections.

    `shared`: behind PgBouncer in transaction mode no two transactions need have the same session. So cursors and
    prepared statements, which outlive one, are off, and limits are the role's.
    """
    # `host` in the query is libpq's own spelling, which the parser would pass on as an option.
    folder = parse_qs(urlsplit(url).query).get("host", [""])[0]
    parsed: dict[str, Any] = Env.db_url_config(url.split("?", maxsplit=1)[0] if folder else url)
    parsed["HOST"] = folder or parsed["HOST"]
    parsed["ENGINE"] = "config.lib.postgresql"
    parsed["CONN_MAX_AGE"] = 0 if pool_size else 60
    parsed["CONN_HEALTH_CHECKS"] = not pool_size  # our engine looks at what it takes out of a pool
    parsed["DISABLE_SERVER_SIDE_CURSORS"] = shared
    options = parsed.setdefault("OPTIONS", {})
    options["application_name"] = "gateway"
    options.update(_VANISHED)
    if not shared:
        # Whoever is frozen in a transaction, or vanishes with its machine, holds its locks no longer than about a lease
        # (but for an intake that is frozen in its stream: its locks end with it).
        limits = f"-c idle_in_transaction_session_timeout=20s -c lock_timeout={lock_timeout}"
        options |= {"options": f"{limits} {_PLANNED_ONCE} {_VANISHED_CLIENT}", "prepare_threshold": _PREPARED_AFTER}
    if pool_size:
        options["pool"] = _pool(pool_size)
    return parsed


def _pool(size: int) -> dict[str, Any]:
    # Left to itself a pool tries again after longer and longer pauses, and is slow to notice that PostgreSQL is back.
    # One that gives up after a second tries anew with the next call. It is kept whole: one that has yet to grow, as
    # after a quiet hour, would have more than WAITING callers for its first connection, and turn some of a burst away.
    return {"min_size": size, "max_size": size, "timeout": 4, "reconnect_timeout": 1, "max_waiting": WAITING}
