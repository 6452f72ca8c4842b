"""What runs by the clock: every change of it is permitted and written down, whether made in a form or in the list."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_celery_beat import admin as beat
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from config.lib import audit
from config.lib.console import marks
from config.lib.console.audited import Audited
from config.lib.console.lists import ConsoleList, export_csv
from config.lib.console.marks import Tone
from config.lib.requests import client_address

UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


TOLD = {
    "name": "What people call it",
    "regtask": "One of the gateway's own; with none chosen, the one below stays",
    "task": "By its dotted name",
    "enabled": "Runs only while this is on",
    "description": "What it is for",
    "interval": "Either an interval",
    "crontab": "or minutes, hours and days",
}


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):  # type: ignore[misc]  # untyped
    pass


class TaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]  # untyped
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, widget in (("regtask", TaskSelect()), ("task", UnfoldAdminTextInputWidget())):
            if name in self.fields:
                self.fields[name].widget = widget
        for name, told in TOLD.items():
            if name in self.fields:
                self.fields[name].help_text = told


@admin.action(description="Enable", permissions=["change"])
def enable(model_admin: "ScheduleAdmin", request: HttpRequest, tasks: models.QuerySet[PeriodicTask]) -> None:
    model_admin.switch(request, tasks, to=True)


@admin.action(description="Disable", permissions=["change"])
def disable(model_admin: "ScheduleAdmin", request: HttpRequest, tasks: models.QuerySet[PeriodicTask]) -> None:
    model_admin.switch(request, tasks, to=False)


@admin.action(description="Run now", permissions=["change"])
def run_now(model_admin: "ScheduleAdmin", request: HttpRequest, tasks: models.QuerySet[PeriodicTask]) -> None:
    for task in tasks:
        model_admin.note("run", request, task)
    model_admin.run_tasks(request, tasks)


class ScheduleAdmin(Audited, ConsoleList, beat.PeriodicTaskAdmin, ModelAdmin):  # type: ignore[misc]
    explanation = "What the gateway does by itself, and how often. The scheduler takes up a change within seconds."
    empty = "The scheduler writes its tasks down when it first runs."
    form = TaskForm
    # The package's own page brings a script inside of it, which the pages' policy refuses.
    change_form_template = None
    date_hierarchy = None
    list_display = ("name", "state", "runs", "last_ran", "count")
    list_display_links = ("name",)
    list_filter = ("enabled",)
    actions = (enable, disable, run_now, export_csv)
    search_help_text = "Part of the name or of the task"
    moment = "last_run_at"
    readonly_fields = ("last_ran",)
    export_fields = ("name", "task", "enabled", "interval__every", "interval__period", "last_run_at", "total_run_count")
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        ("When", {"fields": ("interval", "crontab", "last_ran")}),
        ("Arguments", {"fields": ("args", "kwargs"), "classes": ("collapse",)}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: PeriodicTask | None = None) -> Any:
        """The choice of registered tasks belongs to a form: who reads sees the task's name alone."""
        sets = super().get_fieldsets(request, obj)
        if self.has_change_permission(request, obj):
            return sets
        return [
            (title, {**told, "fields": [one for one in told["fields"] if one != "regtask"]}) for title, told in sets
        ]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[PeriodicTask]:
        rows: models.QuerySet[PeriodicTask] = super().get_queryset(request)
        return rows.select_related("interval", "crontab", "solar", "clocked")

    def switch(self, request: HttpRequest, tasks: models.QuerySet[PeriodicTask], *, to: bool) -> None:
        changed = [task for task in tasks if task.enabled != to]
        for task in changed:
            task.enabled = to
            task.save(update_fields=["enabled", "date_changed"])  # which tells the scheduler
            self.note("enabled" if to else "disabled", request, task)
        messages.success(request, f"{'Enabled' if to else 'Disabled'}: {len(changed)}")

    def note(self, verb: str, request: HttpRequest, task: PeriodicTask) -> None:
        after = {"name": task.name}
        actor, address = request.user, client_address(request)
        audit.record(f"periodictask.{verb}", target=task, actor=actor, address=address, after=after)

    @admin.display(description="State")
    def state(self, task: PeriodicTask) -> SafeString:
        return marks.badge("enabled", Tone.GOOD) if task.enabled else marks.badge("disabled", Tone.QUIET)

    @admin.display(description="Runs")
    def runs(self, task: PeriodicTask) -> str:
        return in_words(task.scheduler)

    @admin.display(description="Last run")
    def last_ran(self, task: PeriodicTask) -> SafeString:
        return marks.when(task.last_run_at)

    @admin.display(description="Times run")
    def count(self, task: PeriodicTask) -> SafeString:
        return marks.number(task.total_run_count)


def every(interval: IntervalSchedule) -> str:
    """``every 10 minutes``, ``every day``."""
    seconds = timedelta(**{interval.period: interval.every}).total_seconds()
    size, unit = next((size, unit) for size, unit in UNITS if not seconds % size or size == 1)
    number = seconds / size
    return f"every {unit}" if number == 1 else f"every {number:g} {unit}s"


def in_words(timing: Any) -> str:
    if isinstance(timing, CrontabSchedule):
        return str(timing.human_readable)
    return every(timing) if isinstance(timing, IntervalSchedule) else str(timing)


class TimingAdmin(Audited, ConsoleList, ModelAdmin):  # type: ignore[misc]
    explanation = "Times that schedules can be given."
    list_display: tuple[str, ...] = ("runs",)

    @admin.display(description="Runs")
    def runs(self, timing: Any) -> str:
        return in_words(timing)


class CrontabAdmin(TimingAdmin):
    list_display = ("runs", "crontab")

    @admin.display(description="As a crontab has it")
    def crontab(self, timing: CrontabSchedule) -> SafeString:
        parts = (timing.minute, timing.hour, timing.day_of_month, timing.month_of_year, timing.day_of_week)
        return marks.code(" ".join(parts))


def register() -> None:
    admin.site.unregister([PeriodicTask, IntervalSchedule, CrontabSchedule, ClockedSchedule])
    admin.site.register(PeriodicTask, ScheduleAdmin)
    admin.site.register(CrontabSchedule, CrontabAdmin)
    admin.site.register([IntervalSchedule, ClockedSchedule], TimingAdmin)
