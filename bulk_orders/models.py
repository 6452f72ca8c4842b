"""Orders, the batches that bring them in bulk, and what must be remembered so that nothing is done twice."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from bulk_orders.states import Status
from bulk_orders.verdicts import SHOWN, Outcome
from config.lib.database import ExactDecimalField, LongNameIndex, TransactionTime
from config.lib.errors import NotFound
from config.lib.exact_json import ExactJSONField

ORDER_STATUSES = [(status.value, status.value) for status in Status]
OUTCOMES = [(outcome.value, outcome.value.title()) for outcome in Outcome]


class BatchStatus(models.TextChoices):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"  # all succeeded
    PARTIAL = "partial"  # some
    FAILED = "failed"  # none, or stopped on an error


class OrderQuerySet(models.QuerySet["Order"]):
    def for_user(self, user_id: int) -> "OrderQuerySet":
        """The only door of a partner's request to orders."""
        return self.filter(client_id=user_id)

    def locked(self, order_id: int) -> "Order":
        """The order, held until the end of the transaction. Raises `NotFound`."""
        order = self.select_for_update(no_key=True).filter(pk=order_id).first()
        if order is None:
            raise NotFound("Order not found")
        return order


class Order(models.Model):
    """One mutual-fund order: the form as it was sent, and where it stands. `states` says which moves exist."""

    id = models.AutoField(primary_key=True)
    model_order_id = models.TextField()
    # Users are deactivated, not deleted: an order never loses its client.
    client = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.RESTRICT, related_name="orders", db_constraint=False, db_index=False
    )
    order_form_data = ExactJSONField()
    status = models.TextField(choices=ORDER_STATUSES, default=Status.PENDING_APPROVAL.value)
    submitted_at = models.DateTimeField(db_default=TransactionTime(), editable=False)
    authorized_at = models.DateTimeField(null=True, blank=True)
    authorized_by = models.IntegerField(null=True, blank=True, help_text="User id.")
    rejected_at = models.DateTimeField(null=True, blank=True)
    rejected_reason = models.TextField(null=True, blank=True)
    claimed_by = models.IntegerField(null=True, blank=True, help_text="User id.")
    rta_ref_no = models.TextField(null=True, blank=True)
    order_payment_reference = models.TextField(null=True, blank=True)
    pg_payment_reference_no = models.TextField(null=True, blank=True)
    payment_linked_status = models.TextField(null=True, blank=True)
    pay_remarks = models.TextField(null=True, blank=True)
    ip_address = models.TextField(null=True, blank=True)
    trace_id = models.TextField()

    objects = OrderQuerySet.as_manager()

    class Meta:
        db_table = "orders"
        permissions: ClassVar = [("authorize_order", "Can claim, authorize and reject orders of others")]
        indexes: ClassVar = [
            # The list of the owner, and what it can be filtered by.
            LongNameIndex(fields=["client", "-submitted_at", "-id"], include=["status"], name="idx_orders_page"),
            LongNameIndex(fields=["-submitted_at", "-id"], name="idx_orders_submitted"),  # list of staff
            LongNameIndex(fields=["status", "-submitted_at"], name="idx_orders_status"),  # the checkers' work list
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["model_order_id"], name="orders_model_order_id_key"),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in Status]), name="orders_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.model_order_id

    def history(self) -> "list[OrderTransition]":
        """Its moves, oldest first. The submission needs no row of its own: the order says when and by whom."""
        submission = OrderTransition(
            order=self, at=self.submitted_at, by=self.client_id, to_status=Status.PENDING_APPROVAL
        )
        return [submission, *self.transitions.order_by("id")]


class OrderTransition(models.Model):
    """One move of an order: who, when, from, to, why. Written in the move's transaction, never changed."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, models.DO_NOTHING, related_name="transitions", db_constraint=False, db_index=False)
    at = models.DateTimeField(db_default=TransactionTime(), editable=False)
    by = models.IntegerField(null=True, blank=True, help_text="User id.", db_column="by_user_id")
    from_status = models.TextField(null=True, blank=True)
    to_status = models.TextField(choices=ORDER_STATUSES)
    reason = models.TextField(null=True, blank=True)
    details = ExactJSONField(null=True, blank=True, help_text="What else a registrar reported: NAV, units, reference.")

    class Meta:
        db_table = "order_transitions"
        indexes: ClassVar = [LongNameIndex(fields=["order", "id"], name="idx_order_transitions_order")]  # the history

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"


class PaymentStatus(models.TextChoices):
    RECEIVED = "received"
    FAILED = "failed"


class Payment(models.Model):
    """What a payment gateway reported of one reference; the same reference twice is one payment."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, models.DO_NOTHING, related_name="payments", db_constraint=False, db_index=False)
    reference = models.TextField()
    status = models.TextField(choices=PaymentStatus)
    amount = ExactDecimalField(max_digits=19, decimal_places=4)
    remarks = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionTime(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionTime(), editable=False)

    class Meta:
        db_table = "order_payments"
        indexes: ClassVar = [
            LongNameIndex(fields=["-updated_at", "-id"], name="idx_order_payments_updated"),  # list of staff
            LongNameIndex(fields=["status", "-updated_at", "-id"], name="idx_order_payments_status"),  # its filter
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "reference"], name="order_payments_order_id_reference_key"),
            models.CheckConstraint(condition=Q(status__in=PaymentStatus.values), name="order_payments_status_known"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="order_payments_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.status}"


class BatchQuerySet(models.QuerySet["Batch"]):
    def for_user(self, user_id: int) -> "BatchQuerySet":
        return self.filter(user_id=user_id)


class Batch(models.Model):
    """A bulk submission. Its counters add up at every instant: processed = succeeded + failed + skipped ≤ total."""

    batch_id = models.TextField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="batches", db_constraint=False, db_index=False
    )
    status = models.TextField(choices=BatchStatus, default=BatchStatus.PENDING, db_default=BatchStatus.PENDING)
    total = models.IntegerField()
    processed = models.IntegerField(default=0, db_default=0)
    succeeded = models.IntegerField(default=0, db_default=0)
    failed = models.IntegerField(default=0, db_default=0)
    error = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionTime(), editable=False)
    completed_at = models.DateTimeField(null=True, blank=True)
    skipped = models.IntegerField(default=0, db_default=0)
    stop_on_error = models.BooleanField(default=False, db_default=False)
    validate_only = models.BooleanField(default=False, db_default=False)
    # The UTC date on which minors are told from adults: a verdict must not drift while the batch waits.
    judged_on = models.DateField()
    run = models.IntegerField(default=1, db_default=1, help_text="1, and one more for each retry of failed rows.")
    cancelled_at = models.DateTimeField(null=True, blank=True)
    ip_address = models.TextField(null=True, blank=True)
    trace_id = models.TextField()
    # Of the request that the present run is for: its events bear it, also where only the sweep finds the chunks.
    request_id = models.TextField(null=True, blank=True)
    # Who keyed it in for its user; like the user's own, their orders are authorized by somebody else.
    entered_by = models.IntegerField(null=True, blank=True, help_text="User id.")

    objects = BatchQuerySet.as_manager()

    class Meta:
        db_table = "bulk_order_batches"
        verbose_name_plural = "batches"
        indexes: ClassVar = [
            models.Index(fields=["user"], name="idx_bulk_order_batches_user_id"),  # seed schema
            models.Index(fields=["status"], name="idx_bulk_order_batches_status"),  # sweep of unfinished ones
            LongNameIndex(fields=["user", "-created_at", "-batch_id"], name="idx_bulk_order_batches_list"),
            LongNameIndex(fields=["-created_at", "-batch_id"], name="idx_bulk_order_batches_created"),  # list of staff
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=BatchStatus.values), name="bulk_order_batches_status_known"),
            models.CheckConstraint(
                condition=Q(processed=F("succeeded") + F("failed") + F("skipped"), processed__lte=F("total")),
                name="bulk_order_batches_counters_add_up",
            ),
        ]

    def __str__(self) -> str:
        return self.batch_id

    def etag(self) -> str:
        """What a client has seen of the batch: its orders and errors are those of its run, status and counter."""
        return f'"{self.run}-{self.status}-{self.processed}"'

    def first_orders(self) -> "models.QuerySet[Result]":
        return self.results.filter(status=Outcome.SUCCEEDED, order__isnull=False).order_by("order_index")[:SHOWN]

    def first_errors(self) -> "models.QuerySet[Result]":
        return self.results.filter(status=Outcome.FAILED).order_by("order_index")[:SHOWN]


class Result(models.Model):
    """What became of one row of a batch."""

    id = models.AutoField(primary_key=True)
    batch = models.ForeignKey(Batch, models.DO_NOTHING, related_name="results", db_constraint=False, db_index=False)
    order_index = models.IntegerField()
    # No action: an order that a batch's row names cannot go while the row stands.
    order = models.ForeignKey(
        Order, models.DO_NOTHING, related_name="+", null=True, blank=True, db_constraint=False, db_index=False
    )
    model_order_id = models.TextField(null=True, blank=True)
    success = models.BooleanField()
    error = models.TextField(null=True, blank=True)
    order_data = ExactJSONField(null=True, blank=True, help_text="The row as sent, kept where no order holds it.")
    created_at = models.DateTimeField(db_default=TransactionTime(), editable=False)
    status = models.TextField(choices=OUTCOMES)
    client_ref = models.TextField(null=True, blank=True)
    problems = ExactJSONField(null=True, blank=True, help_text="[{path, code, message}] of a failed row.")
    run = models.IntegerField(default=1, db_default=1)
    earlier = ExactJSONField(null=True, blank=True, help_text="[{run, error}] of the runs before a retry.")

    class Meta:
        db_table = "bulk_order_results"
        indexes: ClassVar = [
            LongNameIndex(fields=["batch"], name="idx_bulk_order_results_batch_id"),  # seed schema
            # Failed rows first on a batch's page, their download, and retry.
            LongNameIndex(fields=["batch", "status", "order_index"], name="idx_bulk_order_results_status"),
            # The batch row that an order came from.
            LongNameIndex(fields=["order"], name="idx_bulk_order_results_order", condition=Q(order__isnull=False)),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["batch", "order_index"], name="bulk_order_results_batch_id_order_index_key"
            ),
            models.CheckConstraint(
                condition=Q(status__in=[*map(str, Outcome)]), name="bulk_order_results_status_known"
            ),
            # Only a success is an order; a success of a mere validation is none.
            models.CheckConstraint(
                condition=Q(status=Outcome.SUCCEEDED.value, success=True)
                | (~Q(status=Outcome.SUCCEEDED.value) & Q(success=False, model_order_id__isnull=True)),
                name="bulk_order_results_order_is_a_success",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} row {self.order_index}: {self.status}"


class Chunk(models.Model):
    """Rows of a batch that are still to be processed: the row exists exactly as long as they are.

    `rows` is ``[{"i": index, "verdict": an Outcome, "ref": clientRef, "order": {…} or null, "problems":
    [{path, code, message}] or null, "error": text or null}]``: judged already, the worker only executes the verdicts.
    """

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, models.DO_NOTHING, related_name="chunks", db_constraint=False, db_index=False)
    first_index = models.IntegerField()
    rows = ExactJSONField()

    class Meta:
        db_table = "bulk_order_chunks"
        constraints: ClassVar = [
            # Also the order in which a batch's chunks are claimed.
            models.UniqueConstraint(fields=["batch", "first_index"], name="bulk_order_chunks_batch_id_first_index_key")
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} from row {self.first_index}"


class IdempotencyKey(models.Model):
    """A finished call and its reply, written in the transaction of the work itself; replayed for 24 hours."""

    id = models.BigAutoField(primary_key=True)
    caller = models.TextField(help_text="The integration's id, or user:<id>.")
    key = models.TextField()
    request_hash = models.TextField(help_text="SHA-256 of method, path and body.")
    status_code = models.IntegerField()
    headers = ExactJSONField()
    body = models.BinaryField()
    created_at = models.DateTimeField(db_default=TransactionTime(), editable=False)

    class Meta:
        db_table = "idempotency_keys"
        indexes: ClassVar = [LongNameIndex(fields=["created_at"], name="idx_idempotency_keys_created")]  # expiry
        constraints: ClassVar = [models.UniqueConstraint(fields=["caller", "key"], name="idempotency_keys_caller_key")]

    def __str__(self) -> str:
        return self.key
