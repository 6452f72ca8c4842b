"""Log-in by session: the way in for people. Keys, for partners' systems, are the integrations' business."""

from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.lib.authentication import SessionAuthentication
from config.lib.camel import CamelSerializer
from config.lib.errors import TooManyRequests, Unauthorized, too_many_requests
from config.lib.fields import TextField

_GROUP_ROLES = ("operations", "support", "auditor")


class LockedOut(TooManyRequests):
    """Too many wrong passwords for one name from one address."""

    def __init__(self) -> None:
        seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
        super().__init__(
            "Too many failed log-ins; try again later", code="locked_out", headers={"Retry-After": str(seconds)}
        )


class UserSerializer(CamelSerializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    full_name = serializers.CharField(source="get_full_name")
    email = serializers.CharField()
    role = serializers.SerializerMethodField()

    def get_role(self, user: User) -> str:
        return role_of(user)


class CredentialsSerializer(CamelSerializer):
    username = TextField(max_length=150)
    password = TextField(max_length=1000, trim_whitespace=False)


class MeSerializer(CamelSerializer):
    user = UserSerializer()


class LoggedInSerializer(MeSerializer):
    message = serializers.CharField()


class MessageSerializer(CamelSerializer):
    message = serializers.CharField()


def role_of(user: User) -> str:
    """``admin``, ``operations``, ``support``, ``auditor`` or ``partner``: for display; permissions decide."""
    if user.is_superuser:
        return "admin"
    groups = {name.lower() for name in user.groups.values_list("name", flat=True)}
    return next((role for role in _GROUP_ROLES if role in groups), "partner")


def locked_out(request: HttpRequest, credentials: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
    """What a guesser gets from now on: from the API, and, as a page, from the console's log-in."""
    return too_many_requests(request, LockedOut())


class Login(APIView):
    # Everything but the session, whose token nobody has before the log-in; and no key ever gets in here.
    authentication_classes = [each for each in APIView.authentication_classes if each is not SessionAuthentication]
    permission_classes = [each for each in APIView.permission_classes if each is not IsAuthenticated]

    @extend_schema(request=CredentialsSerializer, responses=LoggedInSerializer, tags=["auth"])
    def post(self, request: Request) -> Response:
        """Open a session. Sets the session and `csrftoken` cookies; needs no CSRF token itself."""
        form = CredentialsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = auth.authenticate(request._request, **form.validated_data)
        if user is None:
            raise Unauthorized("Invalid username or password", code="invalid_credentials")
        # Django keeps the session of somebody who logs in again; a key that was seen before must not live on.
        request._request.session.cycle_key()
        auth.login(request._request, user)
        get_token(request._request)
        return Response({"user": UserSerializer(user).data, "message": "Login successful"})


class Logout(APIView):
    @extend_schema(request=None, responses=MessageSerializer, tags=["auth"])
    def post(self, request: Request) -> Response:
        """Close the session."""
        auth.logout(request._request)
        return Response({"message": "Logout successful"})


class Me(APIView):
    @extend_schema(responses=MeSerializer, tags=["auth"])
    def get(self, request: Request) -> Response:
        """Who the session belongs to."""
        return Response({"user": UserSerializer(request.user).data})
