"""The roles of the console, as groups; what each may do is kept in step with `PERMISSIONS` by this migration alone."""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

VIEW = (
    "webhook event delivery attempt order ordertransition payment batch result integration usagelog template user"
).split()
PERMISSIONS = {
    "Operations": [
        *(f"view_{model}" for model in VIEW),
        "change_webhook", "change_delivery", "add_batch", "change_batch", "change_order", "authorize_order",
        "change_integration", "suspend_integration", "change_template", "add_template",
        "view_periodictask", "change_periodictask", "view_accessattempt",
    ],
    "Support": [*(f"view_{model}" for model in VIEW), "change_delivery"],
    "Auditor": [*(f"view_{model}" for model in VIEW), "view_auditentry", "view_group", "view_periodictask", "view_accessattempt"],
}  # fmt: skip


def create_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Permissions are made after all migrations, which is too late for the groups that hold them. Revealing a secret
    # is in no role: it is given to a person.
    for label in ("auth", "webhooks", "bulk_orders", "integrations", "kernel", "django_celery_beat", "axes"):
        app = apps.get_app_config(label)
        app.models_module = True
        create_permissions(app, apps=apps, verbosity=0)
        app.models_module = None
    permission = apps.get_model("auth", "Permission")
    for name, codenames in PERMISSIONS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.set(permission.objects.filter(codename__in=codenames))


def delete_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("auth", "Group").objects.filter(name__in=PERMISSIONS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("webhooks", "0002_database"),
        ("bulk_orders", "0002_database"),
        ("integrations", "0002_database"),
        ("kernel", "0002_append_only"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("axes", "0010_accessattemptexpiration"),
    ]

    operations = [migrations.RunPython(create_roles, delete_roles)]
