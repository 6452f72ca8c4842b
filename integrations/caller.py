"""Who makes a request to the API: an integration, a person, or an address of which no more is known."""

from dataclasses import dataclass
from typing import cast

from django.http import HttpRequest

from integrations.models import Integration


@dataclass(frozen=True, slots=True)
class Caller:
    """What the gate found out. `refusal` is what the view will answer instead of its work; `pair` names the key that
    passed and its address to the lockout; `with_former_key`: it is the pair that was replaced, in its grace."""

    integration: Integration | None = None
    pair: str | None = None
    with_former_key: bool = False
    user_id: int | None = None
    refusal: Exception | None = None


class GatedRequest(HttpRequest):
    """A request that came through the gate."""

    caller: Caller


def caller_of(request: HttpRequest) -> Caller:
    """The caller; an unknown one for a request that met no gate, as those of a schema generator."""
    return getattr(request, "caller", None) or Caller()


def set_caller(request: HttpRequest, caller: Caller) -> None:
    cast("GatedRequest", request).caller = caller
