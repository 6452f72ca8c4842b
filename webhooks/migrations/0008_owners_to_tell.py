"""Whose owner is still to be told that it was disabled is written with the disabling, not in a message that may be lost."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0007_attempts_summarized")]

    operations = [
        migrations.AddField(
            model_name="webhook",
            name="tell_owner_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
