import functools

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import config.lib.database
import config.lib.encryption
import config.lib.exact_json
import config.lib.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Before the table whose column draws from it.
        migrations.RunSQL("CREATE SEQUENCE webhook_deliveries_sequence", "DROP SEQUENCE webhook_deliveries_sequence"),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.TextField(
                        default=functools.partial(config.lib.ids.new_id, *("evt",), **{}),
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.TextField()),
                ("data", config.lib.exact_json.ExactJSONField()),
                ("body", models.BinaryField()),
                ("request_id", models.TextField(blank=True, null=True)),
                ("created_at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "webhook_events",
            },
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                (
                    "id",
                    models.TextField(
                        default=functools.partial(config.lib.ids.new_id, *("wh",), **{}),
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("url", models.TextField()),
                ("events", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ("secret", config.lib.encryption.EncryptedTextField()),
                ("active", models.BooleanField(db_default=True, default=True)),
                ("created_at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                ("updated_at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                ("last_triggered_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "failure_count",
                    models.IntegerField(db_default=0, default=0, help_text="Consecutive failed attempts."),
                ),
                ("description", models.TextField(blank=True, db_default="", default="")),
                (
                    "retry_schedule",
                    models.TextField(
                        choices=[("exponential", "Exponential"), ("standard", "Standard")],
                        db_default="exponential",
                        default="exponential",
                    ),
                ),
                ("max_retries", models.IntegerField(blank=True, help_text="Attempts in all, 1 to 20.", null=True)),
                (
                    "rate_limit",
                    models.IntegerField(blank=True, help_text="Deliveries a second; empty: no limit.", null=True),
                ),
                (
                    "ordered",
                    models.BooleanField(
                        db_default=False, default=False, help_text="One at a time, in the order of events."
                    ),
                ),
                ("disabled_at", models.DateTimeField(blank=True, null=True)),
                ("disabled_reason", models.TextField(blank=True, null=True)),
                ("previous_secret", config.lib.encryption.EncryptedTextField(blank=True, null=True)),
                ("previous_secret_until", models.DateTimeField(blank=True, null=True)),
                ("next_slot_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("failing_since", models.DateTimeField(blank=True, editable=False, null=True)),
                ("failed_in_a_row", models.IntegerField(db_default=0, default=0, editable=False)),
                ("integration_id", models.TextField(blank=True, editable=False, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="webhooks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "webhooks",
                "permissions": [("reveal_secret", "Can reveal signing secrets")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.TextField(
                        default=functools.partial(config.lib.ids.new_id, *("del",), **{}),
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("event", models.TextField()),
                ("payload", config.lib.exact_json.ExactJSONField()),
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("pending", "Pending"),
                            ("retrying", "Retrying"),
                            ("delivered", "Delivered"),
                            ("failed", "Failed"),
                        ]
                    ),
                ),
                ("attempts", models.IntegerField(db_default=0, default=0)),
                ("last_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("next_retry_at", models.DateTimeField(blank=True, null=True)),
                ("response_code", models.IntegerField(blank=True, null=True)),
                ("response_body", models.TextField(blank=True, null=True)),
                ("error", models.TextField(blank=True, null=True)),
                ("created_at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                (
                    "duration_ms",
                    models.IntegerField(blank=True, help_text="Of the last attempt, in milliseconds.", null=True),
                ),
                (
                    "lease",
                    models.BigIntegerField(
                        blank=True, help_text="Fencing token of the worker that holds it.", null=True
                    ),
                ),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                (
                    "lane",
                    models.SmallIntegerField(
                        choices=[(0, "First"), (1, "Retry"), (2, "Replay"), (3, "Ordered")], db_default=0, default=0
                    ),
                ),
                (
                    "sequence",
                    models.BigIntegerField(db_default=config.lib.database.NextDeliverySequence(), editable=False),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_column="event_id",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="deliveries",
                        to="webhooks.event",
                    ),
                ),
                (
                    "webhook",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="deliveries",
                        to="webhooks.webhook",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "db_table": "webhook_deliveries",
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("response_code", models.IntegerField(blank=True, null=True)),
                ("duration_ms", models.IntegerField()),
                (
                    "timings",
                    config.lib.exact_json.ExactJSONField(
                        blank=True, help_text="Milliseconds by phase, as libcurl tells them.", null=True
                    ),
                ),
                ("response_headers", config.lib.exact_json.ExactJSONField(blank=True, null=True)),
                ("response_body", models.TextField(blank=True, null=True)),
                ("truncated", models.BooleanField(db_default=False, default=False)),
                ("error", models.TextField(blank=True, null=True)),
                ("remote_ip", models.TextField(blank=True, null=True)),
                (
                    "delivery",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="attempt_log",
                        to="webhooks.delivery",
                    ),
                ),
            ],
            options={
                "db_table": "webhook_delivery_attempts",
                "indexes": [
                    config.lib.database.LongNameIndex(
                        fields=["delivery", "at"], name="idx_webhook_delivery_attempts_delivery"
                    ),
                    django.contrib.postgres.indexes.BrinIndex(
                        fields=["at"], name="idx_webhook_attempts_at", pages_per_range=32
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["user", "created_at"], name="idx_webhook_events_user"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["created_at"], name="idx_webhook_events_created"),
        ),
        migrations.AddIndex(
            model_name="webhook",
            index=models.Index(fields=["user"], name="idx_webhooks_user_id"),
        ),
        migrations.AddIndex(
            model_name="webhook",
            index=models.Index(condition=models.Q(("active", True)), fields=["active"], name="idx_webhooks_active"),
        ),
        migrations.AddIndex(
            model_name="webhook",
            index=models.Index(
                condition=models.Q(("next_slot_at__isnull", False)),
                fields=["next_slot_at"],
                name="idx_webhooks_next_slot",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.UniqueConstraint(fields=("integration_id",), name="webhooks_integration_id_key"),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("retry_schedule__in", ["exponential", "standard"])), name="webhooks_schedule_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_retries__range", (1, 20))), name="webhooks_max_retries_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("rate_limit__gte", 1)), name="webhooks_rate_limit_positive"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=config.lib.database.LongNameIndex(fields=["webhook"], name="idx_webhook_deliveries_webhook_id"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=config.lib.database.LongNameIndex(fields=["status"], name="idx_webhook_deliveries_status"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=config.lib.database.LongNameIndex(
                condition=models.Q(("next_retry_at__isnull", False)),
                fields=["next_retry_at"],
                name="idx_webhook_deliveries_next_retry",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=config.lib.database.LongNameIndex(
                fields=["webhook", "-created_at", "-id"], name="idx_webhook_deliveries_list"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=config.lib.database.LongNameIndex(
                condition=models.Q(("lane", 3), ("next_retry_at__isnull", False)),
                fields=["webhook", "sequence"],
                name="idx_webhook_deliveries_ordered",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("source", "webhook"), name="webhook_deliveries_event_id_webhook_id_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "retrying", "delivered", "failed"])),
                name="webhook_deliveries_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("attempts__gte", 0)), name="webhook_deliveries_attempts_counted"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["pending", "retrying"]),
                    ("next_retry_at__isnull", True),
                    _connector="OR",
                ),
                name="webhook_deliveries_ended_not_due",
            ),
        ),
    ]
