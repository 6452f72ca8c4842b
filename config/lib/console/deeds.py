"""What people do to records: a deed is one call of a service, permitted, explained, confirmed and written down."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django import forms
from django.contrib.auth.models import User
from django.db import models, transaction
from django.http import HttpRequest

from config.lib import audit
from config.lib.console.questions import NoQuestions
from config.lib.errors import ApiError
from config.lib.requests import client_address


class Doing(NamedTuple):
    """A deed on its way: who does it, from where, to what, with which answers to its form."""

    actor: User
    address: str
    target: Any
    answers: dict[str, Any]


class Trouble(str):  # noqa: SLOT000  # a message, told apart
    """What a deed says that was done and did not go well."""


@dataclass(frozen=True)
class Once:
    """Secrets that a deed has made or uncovered: shown on the reply, kept nowhere."""

    title: str
    secrets: Sequence[tuple[str, str]]
    note: str


@dataclass(frozen=True)
class Onward:
    """What to say of a deed, and the page that it leads to."""

    text: str
    href: str


Result = str | Once | Onward


@dataclass(frozen=True)
class Deed:
    """`run` calls the service and returns what to say of it. `audited`: the entry to write, where the service writes
    none. `asks` is whether a page explains and confirms it first; `preview` what it would do, in words."""

    name: str
    label: str
    icon: str
    permission: str
    explanation: str
    run: Callable[[Doing], Result]
    form_class: type[forms.Form] = NoQuestions
    initial: Callable[[Any], dict[str, Any]] = field(default=lambda _: {})
    applies: Callable[[Any, User], bool] = field(default=lambda _, __: True)
    preview: Callable[[Doing], str] | None = None
    # One call for a whole selection, where the service has one; the target is then the list.
    run_many: Callable[[Doing], str] | None = None
    audited: str = ""
    submit: str = ""  # on the button that confirms; empty: the label
    asks: bool = True
    in_list: bool = True
    is_dangerous: bool = False
    # A deed that waits for somebody else's computer must not hold a transaction open.
    is_atomic: bool = True

    def permitted(self, request: HttpRequest) -> bool:
        user = request.user
        return isinstance(user, User) and user.has_perm(self.permission)


class Tally(NamedTuple):
    """How a deed went with many."""

    done: int
    refused: Counter[str]

    @property
    def refusals(self) -> str:
        return "; ".join(f"{reason} ({count})" for reason, count in self.refused.most_common(5))


def doing(request: HttpRequest, target: Any, answers: dict[str, Any]) -> Doing:
    assert isinstance(request.user, User)
    return Doing(request.user, client_address(request), target, answers)


def perform(deed: Deed, work: Doing) -> Result:
    """Do it and write it down, together where that can be. Raises ApiError where the service refuses."""
    if not deed.is_atomic:
        result = deed.run(work)
        _write_down(deed, work)
        return result
    with transaction.atomic():
        result = deed.run(work)
        _write_down(deed, work)
        return result


def perform_all(deed: Deed, request: HttpRequest, targets: Iterable[models.Model], answers: dict[str, Any]) -> Tally:
    """Do it to each; what is refused for one does not stop the others."""
    done = 0
    refused: Counter[str] = Counter()
    for target in targets:
        try:
            perform(deed, doing(request, target, answers))
            done += 1
        except ApiError as error:
            refused[error.message] += 1
    return Tally(done, refused)


def perform_many(deed: Deed, request: HttpRequest, targets: Sequence[models.Model], answers: dict[str, Any]) -> str:
    """Do it to all in one call of the service."""
    assert deed.run_many is not None
    with transaction.atomic():
        result = deed.run_many(doing(request, targets, answers))
        for target in targets:
            _write_down(deed, doing(request, target, answers))
        return result


def _write_down(deed: Deed, work: Doing) -> None:
    if not deed.audited:
        return
    answers = {name: value for name, value in work.answers.items() if name != "reason" and value not in (None, "")}
    audit.record(
        deed.audited,
        target=work.target,
        actor=work.actor,
        address=work.address,
        after=answers or None,
        reason=work.answers.get("reason"),
    )
