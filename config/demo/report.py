"""What the demo says on the terminal."""

from collections.abc import Iterator

from config.demo.seed import ACCOUNTS
from config.demo.story import Outcome, Progress
from integrations.models import Integration

BAR = 28


def bar(done: int, whole: int) -> str:
    filled = BAR * min(done, whole) // whole if whole else 0
    return f"[{'#' * filled}{'.' * (BAR - filled)}] {done}/{whole}"


def progress(state: Progress) -> str:
    return (
        f"  orders {bar(state.processed, state.rows)}   deliveries {bar(state.delivered, state.expected)}"
        f"   turned away {state.turned_away}"
    )


def table(outcome: Outcome) -> str:
    retries = outcome.attempts - len(outcome.deliveries)
    events = len({delivery["eventId"] for delivery in outcome.deliveries})
    delivered = sum(delivery["status"] == "delivered" for delivery in outcome.deliveries)
    examples = [error for batch in outcome.batches for error in batch["errors"]]
    example = f'such as row {examples[0]["index"]}: "{examples[0]["error"]}"' if examples else ""
    return _aligned(
        [
            ("Orders created", outcome.created, f"of {outcome.submitted} submitted"),
            ("Orders refused", outcome.refused, example),
            ("Batches", len(outcome.batches), ", ".join(batch["status"] for batch in outcome.batches)),
            ("Events", events, "one for each order, one for the end of each batch"),
            ("Deliveries", len(outcome.deliveries), f"{delivered} delivered: every event to both endpoints"),
            ("Attempts", outcome.attempts, "all of them logged"),
            ("Retries", retries, f"after {outcome.turned_away} answers of 500 or 503, given on purpose"),
            ("Signatures verified", outcome.verified, f"{outcome.unverified} wrong"),
            ("Wall time", f"{outcome.seconds:.1f} s", "from the first order to the last delivery"),
        ]
    )


def _aligned(rows: list[tuple[str, int | str, str]]) -> str:
    return "\n".join(f"  {name:<21}{value!s:>8}   {note}".rstrip() for name, value, note in rows)


def addresses(base_url: str, ws_port: int, integration: Integration) -> Iterator[str]:
    yield f"  Console     {base_url}/admin/"
    yield f"  API         {base_url}/api/    documented at {base_url}/api/docs"
    yield f"  Sockets     ws://127.0.0.1:{ws_port}/ws/"
    yield ""
    for account in ACCOUNTS:
        yield f"  {account.username:<11} {account.password:<14} {account.purpose}"
    yield ""
    yield f"  X-API-Key     {integration.api_key}"
    yield f"  X-API-Secret  {integration.api_secret}"
    yield ""
    yield f"  curl -H 'X-API-Key: {integration.api_key}' \\"
    yield f"       -H 'X-API-Secret: {integration.api_secret}' \\"
    yield f"       {base_url}/api/bulk-orders"
