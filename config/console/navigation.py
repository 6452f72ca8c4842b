"""The menu: by what people do, and only what their role may see."""

from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest
from django.urls import reverse

_UPLOAD = "bulk_orders_batch_upload"


class Item(NamedTuple):
    """`place` is the name of an admin URL, `permission` what it takes to see it; `also` what belongs to it."""

    title: str
    icon: str
    place: str
    permission: str
    also: tuple[str, ...] = ()


_MENU: tuple[tuple[str, tuple[Item, ...]], ...] = (
    (
        "Orders",
        (
            Item("Orders", "receipt_long", "bulk_orders_order_changelist", "bulk_orders.view_order"),
            Item(
                "Batches",
                "stacks",
                "bulk_orders_batch_changelist",
                "bulk_orders.view_batch",
                ("bulk_orders_result_changelist",),
            ),
            Item("Upload orders", "upload_file", _UPLOAD, "bulk_orders.add_batch"),
            Item("Payments", "payments", "bulk_orders_payment_changelist", "bulk_orders.view_payment"),
        ),
    ),
    (
        "Webhooks",
        (
            Item("Endpoints", "webhook", "webhooks_webhook_changelist", "webhooks.view_webhook"),
            Item("Deliveries", "send", "webhooks_delivery_changelist", "webhooks.view_delivery"),
            Item("Attempts", "swap_calls", "webhooks_attempt_changelist", "webhooks.view_attempt"),
            Item("Events", "bolt", "webhooks_event_changelist", "webhooks.view_event"),
        ),
    ),
    (
        "Integrations",
        (
            Item("Integrations", "hub", "integrations_integration_changelist", "integrations.view_integration"),
            Item("Calls", "api", "integrations_usagelog_changelist", "integrations.view_usagelog"),
            Item("Templates", "category", "integrations_template_changelist", "integrations.view_template"),
        ),
    ),
    (
        "Administration",
        (
            Item("Audit log", "policy", "kernel_auditentry_changelist", "kernel.view_auditentry"),
            Item("Users", "group", "auth_user_changelist", "auth.view_user"),
            Item("Roles", "badge", "auth_group_changelist", "auth.view_group"),
            Item(
                "Schedules",
                "schedule",
                "django_celery_beat_periodictask_changelist",
                "django_celery_beat.view_periodictask",
                tuple(f"django_celery_beat_{kind}schedule_changelist" for kind in ("interval", "crontab", "clocked")),
            ),
            Item("Failed log-ins", "lock_person", "axes_accessattempt_changelist", "axes.view_accessattempt"),
        ),
    ),
)


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """In unfold's form."""
    user = request.user
    assert isinstance(user, AbstractUser)
    here = request.path
    dashboard = {"title": "Dashboard", "icon": "monitoring", "link": reverse("admin:index")}
    groups = [{"title": "", "items": [dashboard]}]
    for title, items in _MENU:
        shown = [_entry(item, here) for item in items if user.has_perm(item.permission)]
        if shown:
            groups.append({"title": title, "items": shown})
    return groups


def _entry(item: Item, here: str) -> dict[str, Any]:
    link = reverse(f"admin:{item.place}")
    places = tuple(reverse(f"admin:{place}") for place in (item.place, *item.also))
    is_here = here.startswith(places) and (item.place == _UPLOAD or not here.startswith(reverse(f"admin:{_UPLOAD}")))
    return {"title": item.title, "icon": item.icon, "link": link, "active": is_here}
