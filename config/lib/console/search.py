"""Search by what an index can find: ids, references, names. A term that looks like none of them finds nothing."""

import re
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


class Term(NamedTuple):
    """A kind of search term: what it looks like, and the lookup that finds it, an exact one on an indexed column."""

    pattern: str
    lookup: str


NAMED = 100  # rows of another table that a term may name
USER_NAME = r"[\w.@+-]{1,150}"


def search(rows: models.QuerySet[Row], terms: Sequence[Term], text: str) -> models.QuerySet[Row]:
    """The rows that `text` names in any of the ways of `terms`."""
    matching = [term.lookup for term in terms if re.fullmatch(term.pattern, text)]
    if not matching:
        return rows.none()
    condition = models.Q()
    for lookup in matching:
        condition |= _condition(rows.model, lookup, text)
    return rows.filter(condition)


def _condition(model: type[models.Model], lookup: str, text: str) -> models.Q:
    """Of the model's own columns. Whom a related row names is looked up first: what is asked of two tables at once,
    one or the other, no index answers."""
    head, _, tail = lookup.partition("__")
    related = model._meta.get_field(head).related_model if tail and head != "pk" else None
    if not isinstance(related, type):
        return models.Q(**{lookup: text})
    keys = related._default_manager.filter(**{tail: text}).values_list("pk", flat=True)
    return models.Q(**{f"{head}__in": list(keys[:NAMED])})
