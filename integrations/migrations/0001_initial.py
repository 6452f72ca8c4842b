import functools

import django.contrib.postgres.fields
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
        migrations.CreateModel(
            name="Template",
            fields=[
                ("id", models.TextField(help_text="A slug, e.g. razorpay.", primary_key=True, serialize=False)),
                (
                    "type",
                    models.TextField(
                        choices=[
                            ("payment_gateway", "Payment Gateway"),
                            ("rta", "RTA"),
                            ("nav_provider", "NAV provider"),
                            ("email_service", "Email Service"),
                            ("sms_service", "SMS service"),
                            ("analytics", "Analytics"),
                            ("custom", "Custom"),
                        ]
                    ),
                ),
                ("name", models.TextField()),
                ("description", models.TextField(blank=True, db_default="", default="")),
                (
                    "config_schema",
                    config.lib.exact_json.ExactJSONField(
                        help_text="JSON Schema; a property with writeOnly holds a secret."
                    ),
                ),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, size=None
                    ),
                ),
                ("active", models.BooleanField(db_default=True, default=True)),
            ],
            options={
                "db_table": "integration_templates",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "type__in",
                                [
                                    "payment_gateway",
                                    "rta",
                                    "nav_provider",
                                    "email_service",
                                    "sms_service",
                                    "analytics",
                                    "custom",
                                ],
                            )
                        ),
                        name="integration_templates_type_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Integration",
            fields=[
                (
                    "id",
                    models.TextField(
                        default=functools.partial(config.lib.ids.new_id, *("int",), **{}),
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.TextField()),
                (
                    "type",
                    models.TextField(
                        choices=[
                            ("payment_gateway", "Payment Gateway"),
                            ("rta", "RTA"),
                            ("nav_provider", "NAV provider"),
                            ("email_service", "Email Service"),
                            ("sms_service", "SMS service"),
                            ("analytics", "Analytics"),
                            ("custom", "Custom"),
                        ]
                    ),
                ),
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("pending", "Pending"),
                            ("active", "Active"),
                            ("inactive", "Inactive"),
                            ("suspended", "Suspended"),
                        ],
                        db_default="pending",
                        default="pending",
                    ),
                ),
                ("api_key", models.TextField()),
                ("api_secret", config.lib.encryption.EncryptedTextField()),
                ("config", config.lib.encryption.EncryptedJSONField(blank=True, null=True)),
                ("webhook_url", models.TextField(blank=True, null=True)),
                ("webhook_secret", config.lib.encryption.EncryptedTextField(blank=True, null=True)),
                ("created_at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                ("updated_at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("usage_count", models.IntegerField(db_default=0, default=0, editable=False)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "acts_for",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        blank=True,
                        help_text="User ids whose orders privileged scopes reach.",
                        null=True,
                        size=None,
                    ),
                ),
                (
                    "allowed_networks",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        blank=True,
                        default=list,
                        help_text="CIDRs; empty: any address.",
                        size=None,
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("rate_per_minute", models.IntegerField(blank=True, null=True)),
                ("rate_per_hour", models.IntegerField(blank=True, null=True)),
                ("require_signature", models.BooleanField(db_default=False, default=False)),
                ("suspended_reason", models.TextField(blank=True, null=True)),
                ("previous_api_key", models.TextField(blank=True, null=True)),
                ("previous_api_secret", config.lib.encryption.EncryptedTextField(blank=True, null=True)),
                ("previous_valid_until", models.DateTimeField(blank=True, null=True)),
                ("previous_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("previous_used_from", models.TextField(blank=True, editable=False, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="integrations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="integrations.template",
                    ),
                ),
            ],
            options={
                "db_table": "integrations",
                "permissions": [
                    ("suspend_integration", "Can suspend integrations and lift a suspension"),
                    ("reveal_secret", "Can reveal secrets"),
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageLog",
            fields=[
                (
                    "id",
                    models.TextField(
                        default=functools.partial(config.lib.ids.new_id, *("log",), **{}),
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("endpoint", models.TextField()),
                ("method", models.TextField()),
                ("status_code", models.IntegerField()),
                ("response_time", models.IntegerField(help_text="Milliseconds.")),
                ("error", models.TextField(blank=True, null=True)),
                ("timestamp", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="usage_logs",
                        to="integrations.integration",
                    ),
                ),
            ],
            options={
                "db_table": "integration_usage_logs",
            },
        ),
        migrations.AddIndex(
            model_name="integration",
            index=models.Index(fields=["user"], name="idx_integrations_user_id"),
        ),
        migrations.AddIndex(
            model_name="integration",
            index=models.Index(fields=["api_key"], name="idx_integrations_api_key"),
        ),
        migrations.AddIndex(
            model_name="integration",
            index=models.Index(fields=["type"], name="idx_integrations_type"),
        ),
        migrations.AddIndex(
            model_name="integration",
            index=models.Index(fields=["status"], name="idx_integrations_status"),
        ),
        migrations.AddConstraint(
            model_name="integration",
            constraint=models.UniqueConstraint(fields=("api_key",), name="integrations_api_key_key"),
        ),
        migrations.AddConstraint(
            model_name="integration",
            constraint=models.UniqueConstraint(fields=("previous_api_key",), name="integrations_previous_api_key_key"),
        ),
        migrations.AddConstraint(
            model_name="integration",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "type__in",
                        [
                            "payment_gateway",
                            "rta",
                            "nav_provider",
                            "email_service",
                            "sms_service",
                            "analytics",
                            "custom",
                        ],
                    )
                ),
                name="integrations_type_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="integration",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "active", "inactive", "suspended"])),
                name="integrations_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="integration",
            constraint=models.CheckConstraint(
                condition=models.Q(("rate_per_minute__isnull", True), ("rate_per_minute__gte", 1), _connector="OR"),
                name="integrations_minute_rate",
            ),
        ),
        migrations.AddConstraint(
            model_name="integration",
            constraint=models.CheckConstraint(
                condition=models.Q(("rate_per_hour__isnull", True), ("rate_per_hour__gte", 1), _connector="OR"),
                name="integrations_hour_rate",
            ),
        ),
        migrations.AddIndex(
            model_name="usagelog",
            index=config.lib.database.LongNameIndex(
                fields=["integration"], name="idx_integration_usage_logs_integration_id"
            ),
        ),
        migrations.AddIndex(
            model_name="usagelog",
            index=config.lib.database.LongNameIndex(fields=["-timestamp"], name="idx_integration_usage_logs_timestamp"),
        ),
        migrations.AddIndex(
            model_name="usagelog",
            index=config.lib.database.LongNameIndex(
                fields=["integration", "-timestamp", "-id"], name="idx_integration_usage_logs_list"
            ),
        ),
        migrations.CreateModel(
            name="UncountedCall",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="integrations.integration",
                    ),
                ),
            ],
            options={
                "db_table": "integration_uncounted_calls",
                "indexes": [
                    config.lib.database.LongNameIndex(
                        fields=["integration"], name="idx_integration_uncounted_calls_integration"
                    )
                ],
            },
        ),
    ]
