"""Forms that staff change rows with, where there is no service for it: schedules, users, templates."""

from typing import Any

from django.http import HttpRequest

from config.lib import audit
from config.lib.requests import client_address


class Audited:
    """Changes made with a form leave an entry that names the fields, not what was in them."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)  # type: ignore[misc]
        verb = "changed" if change else "created"
        audit.record(
            f"{obj._meta.model_name}.{verb}",
            target=obj,
            actor=request.user,
            address=client_address(request),
            after={"fields": form.changed_data},
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        audit.record(f"{obj._meta.model_name}.deleted", target=obj, actor=request.user, address=client_address(request))
        super().delete_model(request, obj)  # type: ignore[misc]
