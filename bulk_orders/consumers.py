"""Live progress of a batch."""

from bulk_orders.views import BulkOrders
from config.lib.sockets import LiveView


class BatchProgress(LiveView):
    """``/ws/bulk-orders/{batchId}``: what ``GET /api/bulk-orders/{batchId}`` answers, now and whenever it moves."""

    viewset = BulkOrders
    action = "retrieve"
    watched = "batch_id"
