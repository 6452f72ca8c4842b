"""`/api/integrations`: a partner's credentials, for people with a session. A key reaches `me` alone."""

from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.lib.errors import Conflict, Forbidden, NotFound
from config.lib.pages import NewestFirst, whole_list
from config.lib.requests import client_address
from integrations import reports, services
from integrations.documentation import TAGS
from integrations.models import Integration, Template, UsageLog
from integrations.permissions import ANY_KEY
from integrations.serializers import (
    ChangesSerializer,
    CreatedSerializer,
    DetailSerializer,
    FilterSerializer,
    IntegrationSerializer,
    NewIntegrationSerializer,
    PeriodSerializer,
    RegeneratedReplySerializer,
    RegeneratedSerializer,
    RegenerationSerializer,
    TemplateSerializer,
    TestedSerializer,
    UpdatedSerializer,
    UsageSerializer,
    UsageSummarySerializer,
    WhoAmISerializer,
)
from webhooks import managed


class IntegrationViews(GenericViewSet[Integration]):
    """Integrations of the session's user. No entry in `required_scopes` but `me`: keys cannot manage keys."""

    required_scopes: ClassVar = {"me": ANY_KEY}
    serializer_class = IntegrationSerializer
    queryset = Integration.objects.none()

    @extend_schema(parameters=[FilterSerializer], responses=IntegrationSerializer(many=True), tags=TAGS)
    def list(self, request: Request) -> Response:
        """The user's integrations, newest first, without keys, secrets or config."""
        wanted = {name: value for name, value in _checked(FilterSerializer, request.query_params).items() if value}
        rows = Integration.objects.for_user(_user(request).pk).without_secrets().with_usage().filter(**wanted)
        page = self.paginate_queryset(rows.defer("config"))
        return self.get_paginated_response(IntegrationSerializer(page, many=True).data)

    @extend_schema(request=NewIntegrationSerializer, responses={201: CreatedSerializer}, tags=TAGS)
    def create(self, request: Request) -> Response:
        """A pending integration and its credentials: the secrets are shown in this reply, and never again."""
        values = _checked(NewIntegrationSerializer, request.data)
        services.refuse_staff_fields(request.data)
        kind = values.pop("type")
        integration = services.create(user=_user(request), kind=kind, address=_address(request), **values)
        return Response(CreatedSerializer.shown(integration), status=201)

    @extend_schema(responses=DetailSerializer, tags=TAGS)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One integration with its key, scopes and config; secrets in the config are masked."""
        return Response(DetailSerializer(_own(request, pk)).data)

    @extend_schema(request=ChangesSerializer, responses=UpdatedSerializer, tags=TAGS)
    def update(self, request: Request, pk: str) -> Response:
        """Change what is given. `config` merges (null removes a key); a first `webhookUrl` returns its secret once."""
        integration = _own(request, pk)
        changes = _checked(ChangesSerializer, request.data, partial=True)
        services.refuse_staff_fields(request.data)
        row = services.update(integration=integration, actor=_user(request), changes=changes, address=_address(request))
        shown_once = {"webhookSecret": row.webhook_secret} if row.webhook_secret and not integration.webhook_url else {}
        return Response(UpdatedSerializer(row).data | shown_once)

    @extend_schema(responses={204: None}, tags=TAGS)
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove an integration with its usage log and webhook."""
        services.delete(integration=_own(request, pk), actor=_user(request), address=_address(request))
        return Response(status=204)

    @extend_schema(request=RegenerationSerializer, responses=RegeneratedReplySerializer, tags=TAGS)
    def regenerate(self, request: Request, pk: str) -> Response:
        """A new key pair; the old one dies at once, or after `graceHours`."""
        integration = _own(request, pk)
        hours = _checked(RegenerationSerializer, request.data)["grace_hours"]
        row = services.regenerate(
            integration=integration, actor=_user(request), grace_hours=hours, address=_address(request)
        )
        message = {"success": True, "message": "API credentials regenerated successfully"}
        return Response(message | RegeneratedSerializer(row).data)

    @extend_schema(request=None, responses=TestedSerializer, tags=TAGS)
    def test(self, request: Request, pk: str) -> Response:
        """Send `webhook.test` to the integration's URL now, and say what came of it."""
        integration = _own(request, pk)
        webhook_id = managed.managed_id(integration.pk)
        if webhook_id is None:
            raise Conflict("This integration has no webhook URL", code="no_webhook_url")
        return Response(managed.send_test(webhook_id))

    @extend_schema(responses=WhoAmISerializer, tags=TAGS)
    def me(self, request: Request) -> Response:
        """Which integration this API key belongs to, what it may do, and how often."""
        if not isinstance(request.auth, Integration):
            raise Forbidden("This call needs an API key", code="api_key_required")
        return Response(WhoAmISerializer.shown(request.auth))


class UsageOrder(NewestFirst):
    moment = "timestamp"


class UsageViews(GenericViewSet[UsageLog]):
    """What was called with an integration's key."""

    pagination_class = UsageOrder
    default_limit = 100
    queryset = UsageLog.objects.none()

    @extend_schema(responses=UsageSerializer(many=True), tags=TAGS)
    def list(self, request: Request, pk: str) -> Response:
        """The calls, newest first; those that were turned away too, with the reason."""
        page = self.paginate_queryset(UsageLog.objects.filter(integration=_own(request, pk)))
        return self.get_paginated_response(UsageSerializer(page, many=True).data)

    @extend_schema(parameters=[PeriodSerializer], responses=UsageSummarySerializer, tags=TAGS)
    def summary(self, request: Request, pk: str) -> Response:
        """Calls, errors and response times of the last `days`, in all, by endpoint and by day (UTC).

        From the beginning of an hour; of more than 35 days from that of a day. Counts are exact; a response time lies
        in the same step (1, 2, 3, 5, 7, 10, 15, 20, 30 … ms) as the true one."""
        integration = _own(request, pk)
        days = _checked(PeriodSerializer, request.query_params)["days"]
        return Response(reports.usage_summary(integration_id=integration.pk, days=days, now=timezone.now()))


class TemplateViews(GenericViewSet[Template]):
    """The catalogue of known kinds of integration."""

    queryset = Template.objects.none()

    @extend_schema(responses=TemplateSerializer(many=True), tags=TAGS)
    def list(self, request: Request) -> Response:
        """Every template: the JSON Schema of its config, its scopes and its events."""
        rows = Template.objects.filter(active=True).order_by("type", "name")
        return whole_list(TemplateSerializer(rows, many=True).data)


def _own(request: Request, pk: str) -> Integration:
    """The user's own integration. Another's is as unknown as none at all."""
    rows = Integration.objects.for_user(_user(request).pk).without_secrets().with_usage().select_related("template")
    integration = rows.filter(pk=pk).first()
    if integration is None:
        raise NotFound("Integration not found")
    return integration


def _checked(shape: type[serializers.Serializer[Any]], data: Any, *, partial: bool = False) -> dict[str, Any]:
    form = shape(data=data, partial=partial)
    form.is_valid(raise_exception=True)
    values: dict[str, Any] = form.validated_data
    return values


def _user(request: Request) -> User:
    """The session's user, whom the permission classes have let in."""
    return cast("User", request.user)


def _address(request: Request) -> str:
    http: HttpRequest = request._request
    return client_address(http)
