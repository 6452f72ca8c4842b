from django.apps import AppConfig

from config.celery import app as celery_app


class GatewayConfig(AppConfig):
    """The composition root as a Django app: the roles of the console and the commands that span the three apps."""

    name = "config"
    label = "gateway"
    verbose_name = "Gateway roles"
    # Every process that nudges a task needs the application that knows the broker, not only the workers.
    celery = celery_app
