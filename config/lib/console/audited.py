"""Changes made with a form leave an audit entry with the changed fields before and after."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from config.lib import audit
from config.lib.requests import client_address

MASK = "********"


class Audited:
    """Mixin of a ModelAdmin that edits. Of a password, only that it was changed is written down."""

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What every form of the admin passes through once it is saved with what it refers to, a password's too."""
        before = None if add else {name: _shown(name, form.initial.get(name)) for name in form.changed_data}
        after = {name: _shown(name, form.cleaned_data.get(name)) for name in form.changed_data}
        obj = getattr(form, "instance", None) or form.user
        _record("created" if add else "changed", request, obj, before=before, after=after)
        return super().construct_change_message(request, form, formsets, add)  # type: ignore[misc]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        _record("deleted", request, obj, before={"name": str(obj)})
        super().delete_model(request, obj)  # type: ignore[misc]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            _record("deleted", request, obj, before={"name": str(obj)})
        super().delete_queryset(request, queryset)  # type: ignore[misc]


def _record(verb: str, request: HttpRequest, obj: Any, **facts: Any) -> None:
    action, address = f"{obj._meta.model_name}.{verb}", client_address(request)
    audit.record(action, target=obj, actor=request.user, address=address, **facts)


def _shown(name: str, value: Any) -> Any:
    """A field's value as JSON; the names of what it refers to."""
    if "password" in name:
        return MASK
    if isinstance(value, list | tuple | QuerySet):
        return sorted(map(str, value))
    return value if value is None or isinstance(value, bool | int | dict) else str(value)
