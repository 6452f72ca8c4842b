"""Orders, batches and payments in the console."""

from bulk_orders.admin.batches import BatchAdmin, ResultAdmin
from bulk_orders.admin.orders import OrderAdmin, PaymentAdmin

__all__ = ["BatchAdmin", "OrderAdmin", "PaymentAdmin", "ResultAdmin"]
