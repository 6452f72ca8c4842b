"""Operations let people log in again before a lockout ends: that forgets their failed attempts."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def allow(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    permission = apps.get_model("auth", "Permission").objects.get(codename="delete_accessattempt")
    for group in apps.get_model("auth", "Group").objects.filter(name="Operations"):
        group.permissions.add(permission)


def withdraw(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for group in apps.get_model("auth", "Group").objects.filter(name="Operations"):
        group.permissions.remove(*group.permissions.filter(codename="delete_accessattempt"))


class Migration(migrations.Migration):
    dependencies = [("gateway", "0001_roles")]

    operations = [migrations.RunPython(allow, withdraw)]
