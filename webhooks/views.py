"""`/api/webhooks`: endpoints, what was sent to them, and what can be done about it."""

from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.lib.camel import CamelSerializer
from config.lib.errors import NotFound
from config.lib.pages import whole_list
from config.lib.requests import client_address
from webhooks import services
from webhooks.analytics import analytics
from webhooks.events import CATALOGUE
from webhooks.models import Attempt, Delivery, DeliveryQuerySet, Webhook, WebhookQuerySet
from webhooks.serializers import (
    AnalyticsParametersSerializer,
    AnalyticsSerializer,
    CatalogueEntrySerializer,
    CountSerializer,
    DeliveryDetailSerializer,
    DeliveryFilterSerializer,
    DeliverySerializer,
    GraceSerializer,
    NewWebhookSerializer,
    ReplaySerializer,
    RequeuedReplySerializer,
    RequeuedSerializer,
    RetryParametersSerializer,
    RetryReplySerializer,
    TestReplySerializer,
    WebhookChangesSerializer,
    WebhookSerializer,
    WebhookWithSecretSerializer,
    retry_reply,
    test_reply,
)

TAGS = ["Webhooks"]


def _user(request: Request) -> User:
    """The person, or the owner of the key."""
    return cast("User", request.user)


def _who(request: Request) -> dict[str, Any]:
    """For the audit log."""
    return {"actor": _user(request), "address": client_address(request._request)}


def _checked(shape: type[CamelSerializer], data: Any) -> dict[str, Any]:
    serializer = shape(data=data)
    serializer.is_valid(raise_exception=True)
    return cast("dict[str, Any]", serializer.validated_data)


class Webhooks(GenericViewSet[Webhook]):
    serializer_class = WebhookSerializer
    required_scopes: ClassVar = {
        "list": "webhooks:read",
        "retrieve": "webhooks:read",
        "analytics": "webhooks:read",
        "catalogue": "webhooks:read",
        "create": "webhooks:write",
        "update": "webhooks:write",
        "partial_update": "webhooks:write",
        "destroy": "webhooks:write",
        "test": "webhooks:write",
        "rotate_secret": "webhooks:write",
        "retry_failed": "webhooks:write",
        "replay": "webhooks:write",
    }

    def get_queryset(self) -> WebhookQuerySet:
        return Webhook.objects.for_user(_user(self.request).pk)

    def get_object(self) -> Webhook:
        webhook = self.get_queryset().filter(pk=self.kwargs["webhook_id"]).first()
        if webhook is None:
            raise NotFound("Webhook not found")
        return webhook

    @extend_schema(tags=TAGS)
    def list(self, request: Request) -> Response:
        """The caller's webhooks, newest first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(WebhookSerializer(page, many=True).data)

    @extend_schema(request=NewWebhookSerializer, responses={201: WebhookWithSecretSerializer}, tags=TAGS)
    def create(self, request: Request) -> Response:
        """Register an endpoint. The `secret` is shown here and on rotation, never again."""
        wanted = _checked(NewWebhookSerializer, request.data)
        webhook = services.create(user_id=_user(request).pk, **_who(request), **wanted)
        return Response(WebhookWithSecretSerializer(webhook).data, status.HTTP_201_CREATED)

    @extend_schema(tags=TAGS)
    def retrieve(self, request: Request, webhook_id: str) -> Response:
        return Response(WebhookSerializer(self.get_object()).data)

    @extend_schema(request=WebhookChangesSerializer, tags=TAGS)
    def update(self, request: Request, webhook_id: str) -> Response:
        """Change what is given. `active: true` re-enables and forgets past failures."""
        webhook, changes = self.get_object(), _checked(WebhookChangesSerializer, request.data)
        webhook = services.update(webhook=webhook, changes=changes, **_who(request))
        return Response(WebhookSerializer(webhook).data)

    @extend_schema(request=WebhookChangesSerializer, tags=TAGS)
    def partial_update(self, request: Request, webhook_id: str) -> Response:
        """The same as PUT."""
        return self.update(request, webhook_id)

    @extend_schema(responses={204: None}, tags=TAGS)
    def destroy(self, request: Request, webhook_id: str) -> Response:
        """The webhook goes, and its deliveries with it."""
        services.delete(webhook=self.get_object(), **_who(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=TestReplySerializer, tags=TAGS)
    def test(self, request: Request, webhook_id: str) -> Response:
        """Send `webhook.test` now, and say what came of it."""
        return Response(test_reply(services.send_test(webhook=self.get_object())))

    @extend_schema(request=GraceSerializer, responses=WebhookWithSecretSerializer, tags=TAGS)
    def rotate_secret(self, request: Request, webhook_id: str) -> Response:
        """A new secret; the old one signs, too, until the grace ends."""
        webhook, wanted = self.get_object(), _checked(GraceSerializer, request.data)
        webhook = services.rotate_secret(webhook=webhook, grace_hours=wanted["grace_hours"], **_who(request))
        return Response(WebhookWithSecretSerializer(webhook).data)

    @extend_schema(parameters=[RetryParametersSerializer], request=None, responses=RequeuedReplySerializer, tags=TAGS)
    def retry_failed(self, request: Request, webhook_id: str) -> Response:
        """Make every failed delivery due once more; `results` are the first hundred of them."""
        webhook, wanted = self.get_object(), _checked(RetryParametersSerializer, request.query_params.dict())
        number, first = services.retry_failed(webhook=webhook, max_retries=wanted.get("max_retries"))
        names = ("id", "status", "attempts", "error")
        results = RequeuedSerializer([dict(zip(names, row, strict=True)) for row in first], many=True).data
        message = f"Retried {number} failed deliveries"
        return Response({"success": True, "message": message, "results": results})

    @extend_schema(request=ReplaySerializer, responses={202: CountSerializer}, tags=TAGS)
    def replay(self, request: Request, webhook_id: str) -> Response:
        """Send the events of a span again, under the ids they had. With `dryRun`, only count them."""
        webhook, wanted = self.get_object(), _checked(ReplaySerializer, request.data)
        wanted["statuses"] = wanted.pop("status", None)
        return Response({"count": services.replay(webhook=webhook, **wanted)}, status.HTTP_202_ACCEPTED)

    @extend_schema(parameters=[AnalyticsParametersSerializer], responses=AnalyticsSerializer, tags=TAGS)
    def analytics(self, request: Request, webhook_id: str) -> Response:
        """How deliveries of the last days went, from the beginning of an hour.

        Counts are exact; a duration lies in the same step (1, 2, 3, 5, 7, 10, 15, 20, 30 … ms) as the true one."""
        webhook, wanted = self.get_object(), _checked(AnalyticsParametersSerializer, request.query_params.dict())
        return Response(analytics(webhook, days=wanted["days"]))

    @extend_schema(responses=CatalogueEntrySerializer(many=True), tags=TAGS)
    def catalogue(self, request: Request) -> Response:
        """The events, with the JSON Schema of their `data` and an example."""
        return whole_list([entry._asdict() for entry in CATALOGUE.values()])


class Deliveries(GenericViewSet[Delivery]):
    serializer_class = DeliverySerializer
    required_scopes: ClassVar = {"list": "webhooks:read", "retrieve": "webhooks:read", "retry": "webhooks:write"}

    def get_queryset(self) -> DeliveryQuerySet:
        """Of one webhook, which must be the caller's."""
        own = Webhook.objects.for_user(_user(self.request).pk)
        if not own.filter(pk=self.kwargs["webhook_id"]).exists():
            raise NotFound("Webhook not found")
        return Delivery.objects.filter(webhook_id=self.kwargs["webhook_id"])

    def get_object(self) -> Delivery:
        attempts = Prefetch("attempt_log", Attempt.objects.order_by("at", "id"))
        rows = self.get_queryset().prefetch_related(attempts)
        delivery = rows.filter(pk=self.kwargs["delivery_id"]).first()
        if delivery is None:
            raise NotFound("Delivery not found")
        return delivery

    @extend_schema(parameters=[DeliveryFilterSerializer], tags=TAGS)
    def list(self, request: Request, webhook_id: str) -> Response:
        """What was sent or is to be sent, newest first."""
        given = _checked(DeliveryFilterSerializer, request.query_params.dict())
        wanted = {name: value for name, value in given.items() if value}
        page = self.paginate_queryset(self.get_queryset().filter(**wanted))
        return self.get_paginated_response(DeliverySerializer(page, many=True).data)

    @extend_schema(responses=DeliveryDetailSerializer, tags=TAGS)
    def retrieve(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        """One delivery with every attempt that was made."""
        return Response(DeliveryDetailSerializer(self.get_object()).data)

    @extend_schema(parameters=[RetryParametersSerializer], request=None, responses=RetryReplySerializer, tags=TAGS)
    def retry(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        """One attempt now, and what came of it."""
        delivery, wanted = self.get_object(), _checked(RetryParametersSerializer, request.query_params.dict())
        return Response(retry_reply(services.retry(delivery=delivery, **wanted)))
