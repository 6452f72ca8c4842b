"""The list and the page of a model in the console. Records are read here; what is done to them are deeds (`deeds`)."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin

from config.lib.console.desk import Desk
from config.lib.console.history import deeds_done
from config.lib.console.lists import ConsoleList
from config.lib.console.records import Panel, PanelMaker, Record, arranged


class ConsoleAdmin(Desk, ConsoleList, ModelAdmin):  # type: ignore[misc]  # unfold is untyped
    """Read-only, newest first. Subclasses say what is shown; nothing is added, edited or deleted."""

    panels: ClassVar[Sequence[PanelMaker]] = ()

    ordering: Sequence[str] = ("-pk",)
    change_form_template = "console/record.html"
    fields: Sequence[str] = ()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Panels that others add: an app that this one does not know may have something to say about its records.
        self.more_panels: list[PanelMaker] = []

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        if obj is not None:
            context["record"] = self.record(request, obj)
            context["buttons"] = self.buttons(request, obj)
            context["panels"] = arranged(self._panels(request, obj))
        return super().render_change_form(request, context, **kwargs)  # type: ignore[no-any-return]

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """A record's page tells what has been done to it; Django's own log knows nothing of that."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", object_id)

    def record(self, request: HttpRequest, obj: Any) -> Record:
        """What stands at the head of the record's page."""
        return Record(str(obj))

    def _panels(self, request: HttpRequest, obj: Any) -> Iterator[Panel]:
        for maker in (*self.panels, *self.more_panels, deeds_done):
            made = maker(request, obj)
            if made is not None:
                yield from made if isinstance(made, list) else [made]
