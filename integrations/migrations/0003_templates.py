"""The catalogue's templates as rows, which staff may then change."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from integrations import scopes
from integrations.catalogue import DEFAULT_EVENTS, TEMPLATES


def add_templates(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    Template = apps.get_model("integrations", "Template")
    Template.objects.bulk_create(
        [
            Template(
                **entry._asdict(), scopes=list(scopes.DEFAULTS[entry.type]), events=list(DEFAULT_EVENTS[entry.type])
            )
            for entry in TEMPLATES
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("integrations", "0002_database")]

    operations = [migrations.RunPython(add_templates, migrations.RunPython.noop)]
