"""The page where people change their own password, which the admin keeps no record of by itself."""

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.lib import audit
from config.lib.requests import client_address


def own_password(request: HttpRequest) -> HttpResponseBase:
    user = request.user
    assert isinstance(user, User)
    with transaction.atomic():
        reply: HttpResponseBase = admin.site.password_change(request)
        if reply.status_code == 302:  # to the page that says so; mistakes come back as the page itself
            audit.record("user.password_changed", target=user, actor=user, address=client_address(request))
    return reply
