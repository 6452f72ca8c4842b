from django.apps import AppConfig
from django.core.checks import register

from integrations import checks


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        register(checks.check_gate)
        register(checks.check_classes)
        register(checks.check_limits)
