"""What is done for a batch long after its request can be told to belong to it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bulk_orders", "0004_payments_by_time")]

    operations = [
        migrations.AddField(model_name="batch", name="request_id", field=models.TextField(blank=True, null=True)),
    ]
