from django.apps import AppConfig
from django.core import checks

from config.lib.checks import check_backups


class KernelConfig(AppConfig):
    """The kernel as a Django app: it owns the audit table and the operators' commands, and imports no other app."""

    name = "config.lib"
    label = "kernel"
    verbose_name = "Gateway"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        checks.register(check_backups)
