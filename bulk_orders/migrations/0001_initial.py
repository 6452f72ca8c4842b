import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

import config.lib.database
import config.lib.exact_json


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("batch_id", models.TextField(primary_key=True, serialize=False)),
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("pending", "Pending"),
                            ("processing", "Processing"),
                            ("completed", "Completed"),
                            ("partial", "Partial"),
                            ("failed", "Failed"),
                        ],
                        db_default="pending",
                        default="pending",
                    ),
                ),
                ("total", models.IntegerField()),
                ("processed", models.IntegerField(db_default=0, default=0)),
                ("succeeded", models.IntegerField(db_default=0, default=0)),
                ("failed", models.IntegerField(db_default=0, default=0)),
                ("error", models.TextField(blank=True, null=True)),
                ("created_at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                ("completed_at", models.DateTimeField(blank=True, null=True)),
                ("skipped", models.IntegerField(db_default=0, default=0)),
                ("stop_on_error", models.BooleanField(db_default=False, default=False)),
                ("validate_only", models.BooleanField(db_default=False, default=False)),
                ("judged_on", models.DateField()),
                (
                    "run",
                    models.IntegerField(
                        db_default=1, default=1, help_text="1, and one more for each retry of failed rows."
                    ),
                ),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                ("ip_address", models.TextField(blank=True, null=True)),
                ("trace_id", models.TextField()),
                ("entered_by", models.IntegerField(blank=True, help_text="User id.", null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="batches",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "batches",
                "db_table": "bulk_order_batches",
            },
        ),
        migrations.CreateModel(
            name="Chunk",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("first_index", models.IntegerField()),
                ("rows", config.lib.exact_json.ExactJSONField()),
                (
                    "batch",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="chunks",
                        to="bulk_orders.batch",
                    ),
                ),
            ],
            options={
                "db_table": "bulk_order_chunks",
            },
        ),
        migrations.CreateModel(
            name="IdempotencyKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("caller", models.TextField(help_text="The integration's id, or user:<id>.")),
                ("key", models.TextField()),
                ("request_hash", models.TextField(help_text="SHA-256 of method, path and body.")),
                ("status_code", models.IntegerField()),
                ("headers", config.lib.exact_json.ExactJSONField()),
                ("body", models.BinaryField()),
                ("created_at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
            ],
            options={
                "db_table": "idempotency_keys",
                "indexes": [
                    config.lib.database.LongNameIndex(fields=["created_at"], name="idx_idempotency_keys_created")
                ],
                "constraints": [models.UniqueConstraint(fields=("caller", "key"), name="idempotency_keys_caller_key")],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("model_order_id", models.TextField()),
                ("order_form_data", config.lib.exact_json.ExactJSONField()),
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("Pending", "Pending"),
                            ("Pending Approval", "Pending Approval"),
                            ("In Progress", "In Progress"),
                            ("Settlement Pending", "Settlement Pending"),
                            ("Executed", "Executed"),
                            ("Settled", "Settled"),
                            ("Failed", "Failed"),
                            ("Settlement Reversal", "Settlement Reversal"),
                            ("Cancelled", "Cancelled"),
                        ],
                        default="Pending Approval",
                    ),
                ),
                (
                    "submitted_at",
                    models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False),
                ),
                ("authorized_at", models.DateTimeField(blank=True, null=True)),
                ("authorized_by", models.IntegerField(blank=True, help_text="User id.", null=True)),
                ("rejected_at", models.DateTimeField(blank=True, null=True)),
                ("rejected_reason", models.TextField(blank=True, null=True)),
                ("claimed_by", models.IntegerField(blank=True, help_text="User id.", null=True)),
                ("rta_ref_no", models.TextField(blank=True, null=True)),
                ("order_payment_reference", models.TextField(blank=True, null=True)),
                ("pg_payment_reference_no", models.TextField(blank=True, null=True)),
                ("payment_linked_status", models.TextField(blank=True, null=True)),
                ("pay_remarks", models.TextField(blank=True, null=True)),
                ("ip_address", models.TextField(blank=True, null=True)),
                ("trace_id", models.TextField()),
                (
                    "client",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="orders",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "orders",
                "permissions": [("authorize_order", "Can claim, authorize and reject orders of others")],
            },
        ),
        migrations.CreateModel(
            name="OrderTransition",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                ("by", models.IntegerField(blank=True, db_column="by_user_id", help_text="User id.", null=True)),
                ("from_status", models.TextField(blank=True, null=True)),
                (
                    "to_status",
                    models.TextField(
                        choices=[
                            ("Pending", "Pending"),
                            ("Pending Approval", "Pending Approval"),
                            ("In Progress", "In Progress"),
                            ("Settlement Pending", "Settlement Pending"),
                            ("Executed", "Executed"),
                            ("Settled", "Settled"),
                            ("Failed", "Failed"),
                            ("Settlement Reversal", "Settlement Reversal"),
                            ("Cancelled", "Cancelled"),
                        ]
                    ),
                ),
                ("reason", models.TextField(blank=True, null=True)),
                (
                    "details",
                    config.lib.exact_json.ExactJSONField(
                        blank=True, help_text="What else a registrar reported: NAV, units, reference.", null=True
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="transitions",
                        to="bulk_orders.order",
                    ),
                ),
            ],
            options={
                "db_table": "order_transitions",
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("reference", models.TextField()),
                ("status", models.TextField(choices=[("received", "Received"), ("failed", "Failed")])),
                ("amount", config.lib.database.ExactDecimalField(decimal_places=4, max_digits=19)),
                ("remarks", models.TextField(blank=True, null=True)),
                ("created_at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                ("updated_at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                (
                    "order",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="payments",
                        to="bulk_orders.order",
                    ),
                ),
            ],
            options={
                "db_table": "order_payments",
            },
        ),
        migrations.CreateModel(
            name="Result",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("order_index", models.IntegerField()),
                ("model_order_id", models.TextField(blank=True, null=True)),
                ("success", models.BooleanField()),
                ("error", models.TextField(blank=True, null=True)),
                (
                    "order_data",
                    config.lib.exact_json.ExactJSONField(
                        blank=True, help_text="The row as sent, kept where no order holds it.", null=True
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                (
                    "status",
                    models.TextField(
                        choices=[("succeeded", "Succeeded"), ("failed", "Failed"), ("skipped", "Skipped")]
                    ),
                ),
                ("client_ref", models.TextField(blank=True, null=True)),
                (
                    "problems",
                    config.lib.exact_json.ExactJSONField(
                        blank=True, help_text="[{path, code, message}] of a failed row.", null=True
                    ),
                ),
                ("run", models.IntegerField(db_default=1, default=1)),
                (
                    "earlier",
                    config.lib.exact_json.ExactJSONField(
                        blank=True, help_text="[{run, error}] of the runs before a retry.", null=True
                    ),
                ),
                (
                    "batch",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="results",
                        to="bulk_orders.batch",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="bulk_orders.order",
                    ),
                ),
            ],
            options={
                "db_table": "bulk_order_results",
            },
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(fields=["user"], name="idx_bulk_order_batches_user_id"),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(fields=["status"], name="idx_bulk_order_batches_status"),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=config.lib.database.LongNameIndex(
                fields=["user", "-created_at", "-batch_id"], name="idx_bulk_order_batches_list"
            ),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=config.lib.database.LongNameIndex(
                fields=["-created_at", "-batch_id"], name="idx_bulk_order_batches_created"
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "processing", "completed", "partial", "failed"])),
                name="bulk_order_batches_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "processed",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("succeeded"), "+", models.F("failed")
                            ),
                            "+",
                            models.F("skipped"),
                        ),
                    ),
                    ("processed__lte", models.F("total")),
                ),
                name="bulk_order_batches_counters_add_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="chunk",
            constraint=models.UniqueConstraint(
                fields=("batch", "first_index"), name="bulk_order_chunks_batch_id_first_index_key"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=config.lib.database.LongNameIndex(
                fields=["client", "-submitted_at", "-id"], name="idx_orders_client"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=config.lib.database.LongNameIndex(fields=["-submitted_at", "-id"], name="idx_orders_submitted"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=config.lib.database.LongNameIndex(fields=["status", "-submitted_at"], name="idx_orders_status"),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(fields=("model_order_id",), name="orders_model_order_id_key"),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "Pending",
                            "Pending Approval",
                            "In Progress",
                            "Settlement Pending",
                            "Executed",
                            "Settled",
                            "Failed",
                            "Settlement Reversal",
                            "Cancelled",
                        ],
                    )
                ),
                name="orders_status_known",
            ),
        ),
        migrations.AddIndex(
            model_name="ordertransition",
            index=config.lib.database.LongNameIndex(fields=["order", "id"], name="idx_order_transitions_order"),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                fields=("order", "reference"), name="order_payments_order_id_reference_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["received", "failed"])), name="order_payments_status_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="order_payments_amount_positive"
            ),
        ),
        migrations.AddIndex(
            model_name="result",
            index=config.lib.database.LongNameIndex(fields=["batch"], name="idx_bulk_order_results_batch_id"),
        ),
        migrations.AddIndex(
            model_name="result",
            index=config.lib.database.LongNameIndex(
                fields=["batch", "status", "order_index"], name="idx_bulk_order_results_status"
            ),
        ),
        migrations.AddIndex(
            model_name="result",
            index=config.lib.database.LongNameIndex(
                condition=models.Q(("order__isnull", False)), fields=["order"], name="idx_bulk_order_results_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="result",
            constraint=models.UniqueConstraint(
                fields=("batch", "order_index"), name="bulk_order_results_batch_id_order_index_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="result",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["succeeded", "failed", "skipped"])),
                name="bulk_order_results_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="result",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "succeeded"), ("success", True)),
                    models.Q(
                        models.Q(("status", "succeeded"), _negated=True),
                        ("model_order_id__isnull", True),
                        ("success", False),
                    ),
                    _connector="OR",
                ),
                name="bulk_order_results_order_is_a_success",
            ),
        ),
    ]
