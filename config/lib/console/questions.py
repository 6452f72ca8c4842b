"""Forms that several deeds ask with."""

from django import forms


class NoQuestions(forms.Form):
    pass


class Reason(forms.Form):
    reason = forms.CharField(
        max_length=500, widget=forms.Textarea, help_text="Kept in the audit log. The owner may read it."
    )
