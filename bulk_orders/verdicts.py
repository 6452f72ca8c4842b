"""The verdict on every row of a submission, in order: what will become of it, said before anything is done. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from bulk_orders.order_form import FIGURES
from bulk_orders.rulebook import DUPLICATE_CLIENT_REF, Problem, judge, storable
from config.lib.exact_json import spelt_out

SHOWN = 100  # rows of each kind in a reply about a batch; its results have them all


class Outcome(StrEnum):
    """What becomes of a row."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class Verdict(NamedTuple):
    at: int
    row: Any
    outcome: Outcome
    problems: list[Problem]

    @property
    def error(self) -> str:
        return "; ".join(problem.message for problem in self.problems)

    @property
    def client_ref(self) -> str | None:
        return client_ref(self.row)

    def told(self) -> dict[str, Any]:
        """As a client reads it."""
        problems = [problem._asdict() for problem in self.problems]
        return {"index": self.at, "error": self.error, "problems": problems}

    def kept(self) -> dict[str, Any]:
        """As a chunk keeps it: a row whose text cannot be stored is left out, its problems say so."""
        return {
            "i": self.at,
            "verdict": self.outcome,
            "ref": self.client_ref,
            "order": self._kept_row(),
            "problems": [problem._asdict() for problem in self.problems] or None,
            "error": self.error or None,
        }

    def _kept_row(self) -> Any:
        """A refused row is judged again when it is retried: it must read then as it reads now. Of a figure the text is
        judged; of all else whether it is a number, which it must stay."""
        if self.outcome is Outcome.SUCCEEDED:
            return self.row
        return spelt_out(self.row, FIGURES) if storable(self.row) else None


@dataclass(slots=True)
class Tally:
    """How many rows met which outcome, and the first errors."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)

    def counting(self, verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
        for verdict in verdicts:
            self.total += 1
            self.succeeded += verdict.outcome is Outcome.SUCCEEDED
            self.failed += verdict.outcome is Outcome.FAILED
            if verdict.outcome is Outcome.FAILED and self.failed <= SHOWN:
                self.errors.append(verdict.told())
            yield verdict


def client_ref(row: Any) -> str | None:
    """The row's own name in its batch; blank is none."""
    reference = row.get("clientRef") if isinstance(row, dict) else None
    return reference if isinstance(reference, str) and reference and storable(reference) else None


def reach_verdicts(rows: Iterable[Any], *, on: date, stop_on_error: bool) -> Iterator[Verdict]:
    """Judge row by row. A name that an earlier row bears is a problem; after a stop the rest is skipped unjudged."""
    seen: set[str] = set()
    stopped = False
    for index, row in enumerate(rows):
        if stopped:
            yield Verdict(index, row, Outcome.SKIPPED, [])
            continue
        problems = judge(row, on=on)
        if reference := client_ref(row):
            problems += [DUPLICATE_CLIENT_REF] if reference in seen else []
            seen.add(reference)
        yield Verdict(index, row, Outcome.FAILED if problems else Outcome.SUCCEEDED, problems)
        stopped = stop_on_error and bool(problems)
