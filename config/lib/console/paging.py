"""Pages of lists that may have millions of rows."""

from django.core.paginator import Paginator
from django.db import models
from django.utils.functional import cached_property

from config.lib.pages import COUNT_CAP


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Counts no further than the cap: beyond it the list says so, and is narrowed by search, filter or day."""

    template_name = "console/pagination.html"

    @cached_property
    def count(self) -> int:
        return min(self._counted, COUNT_CAP)

    @cached_property
    def _counted(self) -> int:
        rows = self.object_list
        assert isinstance(rows, models.QuerySet)
        # In the list's order, and so by an index: else a table may be read from its beginning, which retention empties.
        return rows.values("pk")[: COUNT_CAP + 1].count()

    @property
    def figure(self) -> str:
        return f"{self.count:,}"

    @property
    def is_capped(self) -> bool:
        return self._counted > COUNT_CAP
