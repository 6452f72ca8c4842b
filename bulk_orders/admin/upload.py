"""Orders by file: looked at row by row as a validation of the uploader's own, then submitted for a partner, or not."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminFileFieldWidget

from bulk_orders import intake, uploads
from bulk_orders.models import Batch
from config.lib import audit
from config.lib.console import marks
from config.lib.console.deeds import Deed, Doing, Onward
from config.lib.errors import ApiError, NotFound
from config.lib.requests import client_address

ADD = "bulk_orders.add_batch"
ACCEPTED = ".csv,.xlsx,.jsonl"


class FileForm(forms.Form):
    file = forms.FileField(
        label="File of orders",
        help_text="CSV, XLSX or JSONL",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ACCEPTED}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > settings.MAX_UPLOAD_BYTES:
            raise ValidationError(f"The file has more than {settings.MAX_UPLOAD_BYTES:,} bytes")
        return file


class Submission(forms.Form):
    client = forms.CharField(label="Partner", help_text="Their user name: the orders become theirs")
    stop_on_error = forms.BooleanField(
        required=False,
        label="Stop at the first bad row",
        help_text="Rows after the first bad one are skipped; otherwise only bad rows are left out",
    )

    def clean_client(self) -> User:
        user = User.objects.filter(username=self.cleaned_data["client"].strip(), is_active=True).first()
        if user is None:
            raise ValidationError("No active user has this name")
        return user


def view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The upload's page. A readable file leads to the page of its rows; nothing is created before that is confirmed."""
    user = request.user
    if not (isinstance(user, User) and user.has_perm(ADD)):
        raise PermissionDenied
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            file = form.cleaned_data["file"]
            with uploads.place(file, f"user:{user.pk}"):
                batch = look_at(file, user, client_address(request))
        except ApiError as error:
            form.add_error("file", error.message)
        else:
            return HttpResponseRedirect(marks.record_url(batch, batch.pk))
    limit = f"{settings.BULK_UPLOAD_MAX_ORDERS:,}"
    return TemplateResponse(request, "console/upload.html", context | {"form": form, "limit": limit})


@transaction.atomic
def look_at(file: Any, user: User, address: str) -> Batch:
    """A validation of the file's rows, that belongs to who looks: no partner sees it."""
    submission = intake.submit(
        user_id=user.pk,
        rows=uploads.rows_of(file),
        limit=settings.BULK_UPLOAD_MAX_ORDERS,
        options=intake.Options(validate_only=True),
        address=address,
    )
    audit.record("batch.looked_at", target=submission.batch, actor=user, address=address, after={"file": file.name})
    return submission.batch


def submit(doing: Doing) -> Onward:
    """What was looked at becomes a batch of the partner's, and the look at it goes: nothing is submitted twice."""
    looked_at = Batch.objects.select_for_update().filter(pk=doing.target.pk, validate_only=True).first()
    if looked_at is None:
        raise NotFound("These rows have been submitted already")
    client: User = doing.answers["client"]
    rows = list(looked_at.results.order_by("order_index").values_list("order_data", flat=True))
    options = intake.Options(stop_on_error=doing.answers["stop_on_error"])
    made = intake.submit(
        user_id=client.pk, rows=rows, limit=settings.BULK_UPLOAD_MAX_ORDERS, options=options, address=doing.address
    )
    Batch.objects.filter(pk=made.batch.pk).update(entered_by=doing.actor.pk)
    after = {"client": client.get_username(), "rows": made.tally.total, "looked_at": looked_at.pk}
    audit.record("batch.entered", target=made.batch, actor=doing.actor, address=doing.address, after=after)
    looked_at.delete()
    text = f"{made.tally.succeeded:,} orders are on their way for {client.get_username()}"
    return Onward(text, marks.record_url(made.batch, made.batch.pk))


SUBMIT = Deed(
    "submit",
    "Submit these orders",
    "publish",
    ADD,
    "Its valid rows become orders of the partner you name, who is told of each. You will not be their checker.",
    submit,
    form_class=Submission,
    in_list=False,
    applies=lambda batch, user: batch.validate_only and batch.succeeded > 0 and batch.user_id == user.pk,
)
