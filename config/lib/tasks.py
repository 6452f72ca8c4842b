"""What beat has done for the kernel."""

from celery import shared_task
from django.utils import timezone

from config.lib import figures


@shared_task
def roll_up_figures() -> None:
    """Count what has happened since the last time; lost or doubled, it changes nothing but the moment."""
    figures.roll_up(now=timezone.now())
