"""What other packages have in the admin, in the console's dress: people, roles, schedules, failed log-ins."""

from typing import Any

from axes.models import AccessAttempt
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django_celery_beat.models import SolarSchedule
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm

import webhooks.admin  # noqa: F401  # all records are registered before they are tied together
from bulk_orders.models import Batch, Order
from config.console import lockouts, schedules, ties
from config.console.people import NewPersonForm, Permissions, PersonForm
from config.lib.audit import AuditEntry
from config.lib.console import marks
from config.lib.console.audited import Audited
from config.lib.console.lists import ConsoleList
from config.lib.console.marks import Tone
from config.lib.console.model_admin import ConsoleAdmin
from config.lib.console.records import Record
from config.lib.console.search import USER_NAME, Term
from integrations.models import Integration
from webhooks.models import Event, Webhook

admin.site.unregister([User, Group, SolarSchedule])


@admin.register(User)
class StaffUserAdmin(Audited, ConsoleList, UserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]  # unfold is untyped
    form, add_form, change_password_form = PersonForm, NewPersonForm, AdminPasswordChangeForm
    list_display = ("username", "full_name", "role", "is_active", "seen")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    explanation = "Partners, whose systems call, and staff, who work here. Users are deactivated, never deleted."
    search_help_text = "User name, name or e-mail address"
    export_fields = ("id", "username", "first_name", "last_name", "email", "is_active", "is_staff", "last_login")
    filter_horizontal = ()  # two boxes side by side do not fit a narrow page
    readonly_fields = ("belongings", "deeds_of", "seen", "joined")
    fieldsets = (
        *(UserAdmin.fieldsets or ())[:2],
        ("Roles", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("When", {"fields": ("seen", "joined")}),
        ("What belongs to them", {"fields": ("belongings",)}),
    )

    @admin.display(description="Lists")
    def belongings(self, user: User) -> SafeString:
        kinds = (
            ("Orders", Order, "client"),
            ("Batches", Batch, "user"),
            ("Endpoints", Webhook, "user"),
            ("Events", Event, "user"),
            ("Integrations", Integration, "user"),
        )
        links = [(marks.list_url(model, **{f"{key}__id__exact": user.pk}), title) for title, model, key in kinds]
        return format_html_join(", ", '<a class="c-link" href="{}">{}</a>', links)

    @admin.display(description="What they did")
    def deeds_of(self, user: User) -> SafeString:
        return marks.link(marks.list_url(AuditEntry, q=user.get_username()), "Audit log")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        sets = super().get_fieldsets(request, obj)
        if obj is None:
            return sets
        # The list is long, and rarely needed: it is open where somebody has been given something.
        folded = () if obj.user_permissions.exists() else ("collapse",)
        sets = [*sets, ("Permissions beyond the roles", {"fields": ("user_permissions",), "classes": folded})]
        may = isinstance(request.user, User) and request.user.has_perm("kernel.view_auditentry")
        return [*sets, (None, {"fields": ("deeds_of",)})] if may else sets

    @admin.display(description="Name and e-mail")
    def full_name(self, user: User) -> SafeString:
        name, address = user.get_full_name(), user.email
        if not (name and address):
            return marks.clipped(name or address)
        return marks.two(marks.clipped(name), marks.clipped(address))

    @admin.display(description="Role")
    def role(self, user: User) -> SafeString:
        if user.is_superuser:
            return marks.badge("admin", Tone.ATTENTION, "May do everything")
        groups = [group.name for group in user.groups.all()]
        return marks.badge(", ".join(groups) or "partner", Tone.WAITING if groups else Tone.QUIET)

    @admin.display(description="Last log-in")
    def seen(self, user: User) -> SafeString:
        return marks.when(user.last_login)

    @admin.display(description="Joined")
    def joined(self, user: User) -> SafeString:
        return marks.when(user.date_joined)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name != "groups":
            told = "Such as revealing secrets, which no role may. For as long as it takes."
            return Permissions(label="Permissions", help_text=told)
        ticked = forms.CheckboxSelectMultiple()
        told = "A role holds all the permissions that its work takes."
        return db_field.formfield(widget=ticked, label="Roles", help_text=told, required=False)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and db_field.many_to_many:
            field.widget.can_add_related = False  # roles are made on their own page
        return field

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Users are deactivated: an order never loses its client.
        return False


@admin.register(Group)
class RoleAdmin(Audited, ConsoleList, GroupAdmin, ModelAdmin):  # type: ignore[misc]
    filter_horizontal = ()
    explanation = "What people may do, by the work they do. A person may have several roles."
    list_display = ("name", "people", "allowed")
    search_help_text = "Part of the name"
    export_fields = ("id", "name")

    def get_queryset(self, request: HttpRequest) -> Any:
        numbers = {"number": Count("user", distinct=True), "rights": Count("permissions", distinct=True)}
        return super().get_queryset(request).annotate(**numbers)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        return Permissions(label="Permissions")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Without the rows that tie roles to people and permissions, one by one."""
        _, _, needed, protected = super().get_deleted_objects(objs, request)
        people = User.objects.filter(groups__in=objs).distinct().count()
        return [str(role) for role in objs], {"Roles": len(objs), "People who have them": people}, needed, protected

    @admin.display(description="People")
    def people(self, role: Any) -> SafeString:
        return marks.link(marks.list_url(User, groups__id__exact=role.pk), f"{role.number:,}")

    @admin.display(description="Permissions")
    def allowed(self, role: Any) -> SafeString:
        return marks.number(role.rights)


@admin.register(AccessAttempt)
class FailedLogInAdmin(ConsoleAdmin):
    explanation = (
        "Log-ins that failed. After ten, a name is locked out from that address for 15 minutes; nobody else is."
    )
    empty = "No log-in has failed lately."
    list_display = ("username", "address", "failures", "at", "program")
    list_filter = ()
    search_terms = (Term(USER_NAME, "username"),)
    search_help_text = "User name"
    moment = "attempt_time"
    export_fields = ("attempt_time", "username", "ip_address", "failures_since_start", "user_agent")
    deeds = (lockouts.LIFT,)

    def record(self, request: HttpRequest, obj: AccessAttempt) -> Record:
        return lockouts.record(obj)

    def called(self, obj: Any) -> str:
        return f"{obj.username}, from {obj.ip_address}"

    @admin.display(description="From")
    def address(self, attempt: AccessAttempt) -> str:
        return attempt.ip_address or "–"

    @admin.display(description="Failures")
    def failures(self, attempt: AccessAttempt) -> SafeString:
        return marks.number(attempt.failures_since_start)

    @admin.display(description="Program")
    def program(self, attempt: AccessAttempt) -> SafeString:
        return marks.clipped(attempt.user_agent, 60)

    @admin.display(description="At")
    def at(self, attempt: AccessAttempt) -> SafeString:
        return marks.when(attempt.attempt_time)


schedules.register()
ties.tie()
