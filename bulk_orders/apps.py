from django.apps import AppConfig


class BulkOrdersConfig(AppConfig):
    name = "bulk_orders"
    verbose_name = "Orders"
