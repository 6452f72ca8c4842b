"""Forms of the console for people: what Django's say too much or too little of."""

from typing import Any

from django import forms
from django.contrib.auth.forms import ReadOnlyPasswordHashWidget
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Permission
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import UserChangeForm, UserCreationForm


class PasswordState(ReadOnlyPasswordHashWidget):
    """Whether there is a password. How it is stored is nothing that anybody at a desk needs to see."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        has_one = bool(value) and is_password_usable(value)
        told = "Set, and readable by nobody" if has_one else "None: they do not log in with one"
        return format_html('<p class="py-2">{}</p>', told)


class PersonForm(UserChangeForm):  # type: ignore[misc]  # unfold is untyped
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        password = self.fields["password"]
        password.widget = PasswordState()
        password.help_text = format_html('<a class="c-link" href="{}">Set another</a>', "../password/")


class NewPersonForm(UserCreationForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = self.fields["usable_password"]
        allowed.label = "Logs in with a password"
        allowed.help_text = "Who has none does not log in; the keys of their integrations work all the same."


class Permissions(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # takes none when it runs
    """To be ticked, each told by its own words; where those don't name the model, it stands behind them."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        every = Permission.objects.select_related("content_type")
        ordered = every.order_by("content_type__app_label", "content_type__model", "codename")
        super().__init__(ordered, required=False, **kwargs)

    def label_from_instance(self, obj: Any) -> str:
        model = obj.content_type.name
        return str(obj.name) if model.lower() in obj.name.lower() else f"{obj.name} ({model})"
