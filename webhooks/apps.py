from django.apps import AppConfig
from django.core import checks

from webhooks.checks import check_settings


class WebhooksConfig(AppConfig):
    name = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        checks.register(check_settings)
