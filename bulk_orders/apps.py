from django.apps import AppConfig
from django.core.checks import register

from bulk_orders import checks


class BulkOrdersConfig(AppConfig):
    name = "bulk_orders"
    verbose_name = "Orders"

    def ready(self) -> None:
        register(checks.check_limits)
        register(checks.check_schedule)
