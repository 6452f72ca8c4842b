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


USER_NAME = r"[\w.@+-]{1,150}"


def search(rows: models.QuerySet[Row], terms: Sequence[Term], text: str) -> models.QuerySet[Row]:
    """The rows that `text` names in any of the ways of `terms`."""
    matching = [term.lookup for term in terms if re.fullmatch(term.pattern, text)]
    if not matching:
        return rows.none()
    condition = models.Q()
    for lookup in matching:
        condition |= models.Q(**{lookup: text})
    return rows.filter(condition)
