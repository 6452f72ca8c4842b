"""Who sees the schedules sees the times that they are given: their pages link to them."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ROLES = ("Operations", "Auditor")
TIMES = ("view_intervalschedule", "view_crontabschedule")


def allow(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    permissions = apps.get_model("auth", "Permission").objects.filter(codename__in=TIMES)
    for group in apps.get_model("auth", "Group").objects.filter(name__in=ROLES):
        group.permissions.add(*permissions)


def withdraw(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for group in apps.get_model("auth", "Group").objects.filter(name__in=ROLES):
        group.permissions.remove(*group.permissions.filter(codename__in=TIMES))


class Migration(migrations.Migration):
    dependencies = [("gateway", "0002_operations_lift_lockouts")]

    operations = [migrations.RunPython(allow, withdraw)]
