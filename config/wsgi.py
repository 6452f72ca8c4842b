"""HTTP: served by granian's WSGI interface."""

import os

from django.core.wsgi import get_wsgi_application

from config.lib import devservices
from config.lib.postgresql.base import fill_pool

devservices.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
fill_pool()
