"""Where deeds are done: the buttons of a record's page, the actions of a list, and the page that asks first."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from config.lib.console.deeds import Deed, Once, Onward, Trouble, doing, perform, perform_all, perform_many
from config.lib.errors import ApiError

ListAction = Callable[[Any, HttpRequest, models.QuerySet[Any]], HttpResponse | None]


class Desk:
    """The part of a model's admin that does things."""

    deeds: ClassVar[Sequence[Deed]] = ()
    # Of `ModelAdmin`, which this is mixed into.
    opts: Any
    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_deed"
        view = self.admin_site.admin_view(self.deed_view)
        return [path("<path:object_id>/do/<slug:deed_name>/", view, name=name), *super().get_urls()]  # type: ignore[misc]

    def get_actions(self, request: HttpRequest) -> dict[str, tuple[ListAction, str, str]]:
        actions: dict[str, tuple[ListAction, str, str]] = super().get_actions(request)  # type: ignore[misc]
        for deed in self.deeds:
            if deed.in_list and deed.permitted(request):
                actions[deed.name] = (partial(_list_action, deed), deed.name, deed.label)
        return actions

    def buttons(self, request: HttpRequest, obj: models.Model) -> list[dict[str, Any]]:
        """What may be done to `obj` by who looks at it."""
        user = request.user
        assert isinstance(user, User)
        return [
            {"deed": deed, "href": self._deed_url(obj, deed)}
            for deed in self.deeds
            if deed.permitted(request) and deed.applies(obj, user)
        ]

    def deed_view(self, request: HttpRequest, object_id: str, deed_name: str) -> HttpResponse:
        """Asks, and does it when told to."""
        deed = next((deed for deed in self.deeds if deed.name == deed_name), None)
        obj = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if deed is None:
            raise Http404
        if not deed.permitted(request):
            raise PermissionDenied
        if obj is None:
            raise Http404
        form = deed.form_class(request.POST if request.method == "POST" else None, initial=deed.initial(obj))
        if request.method != "POST" or not form.is_valid():
            return self._ask(request, deed, form, [obj], cancel=self._record_url(obj))
        if deed.preview and "preview" in request.POST:
            said = deed.preview(doing(request, obj, form.cleaned_data))
            return self._ask(request, deed, form, [obj], cancel=self._record_url(obj), said=said)
        return self._done(request, deed, obj, form.cleaned_data)

    def do_to_selected(self, request: HttpRequest, deed: Deed, rows: models.QuerySet[Any]) -> HttpResponse | None:
        confirmed = "confirmed" in request.POST
        form = deed.form_class(request.POST if confirmed else None)
        if deed.asks and not (confirmed and form.is_valid()):
            cancel = request.get_full_path()
            return self._ask(request, deed, form, list(rows), cancel=cancel, many=True)
        self._do_all(request, deed, list(rows), form.cleaned_data if deed.asks else {})
        return None

    def _do_all(
        self, request: HttpRequest, deed: Deed, targets: Sequence[models.Model], answers: dict[str, Any]
    ) -> None:
        if deed.run_many:
            messages.success(request, perform_many(deed, request, targets, answers))
            return
        tally = perform_all(deed, request, targets, answers)
        if tally.done:
            messages.success(request, f"{deed.label}: done for {tally.done}")
        if tally.refused:
            messages.warning(request, f"{deed.label}: refused for {tally.refused.total()}. {tally.refusals}")

    def _done(self, request: HttpRequest, deed: Deed, obj: models.Model, answers: dict[str, Any]) -> HttpResponse:
        try:
            result = perform(deed, doing(request, obj, answers))
        except ApiError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(self._record_url(obj))
        if isinstance(result, Once):
            return self._show_once(request, result, obj)
        if isinstance(result, Onward):
            messages.success(request, result.text)
            return HttpResponseRedirect(result.href)
        messages.add_message(request, messages.WARNING if isinstance(result, Trouble) else messages.SUCCESS, result)
        return HttpResponseRedirect(self._record_url(obj))

    def _show_once(self, request: HttpRequest, once: Once, obj: models.Model) -> HttpResponse:
        back = self._record_url(obj)
        more = {"title": once.title, "once": once, "back": back, "crumb": (self._name(request, obj), back)}
        reply = TemplateResponse(request, "console/once.html", self._context(request) | more)
        reply["Cache-Control"] = "no-store"
        return reply

    def _ask(
        self,
        request: HttpRequest,
        deed: Deed,
        form: Any,
        targets: Sequence[models.Model],
        *,
        cancel: str,
        said: str = "",
        many: bool = False,
    ) -> HttpResponse:
        context = {
            **self._context(request),
            "title": deed.label,
            "deed": deed,
            "form": form,
            "targets": [(target.pk, self.called(target)) for target in targets],
            "crumb": None if many else (self._name(request, targets[0]), cancel),
            "cancel": cancel,
            "said": said,
            "many": many,
            "has_preview": deed.preview is not None,  # a template would call it
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "console/confirm.html", context)

    def called(self, obj: Any) -> str:
        """What the page that asks first calls a record."""
        return str(obj)

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts}

    def _name(self, request: HttpRequest, obj: models.Model) -> str:
        return str(self.record(request, obj).title)  # type: ignore[attr-defined]

    def _record_url(self, obj: models.Model) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[quote(obj.pk)])

    def _deed_url(self, obj: models.Model, deed: Deed) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_deed", args=[obj.pk, deed.name])


def _list_action(
    deed: Deed, model_admin: Desk, request: HttpRequest, rows: models.QuerySet[Any]
) -> HttpResponse | None:
    return model_admin.do_to_selected(request, deed, rows)
