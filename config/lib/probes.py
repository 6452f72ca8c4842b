"""Liveness, readiness and health: true to reality, asked by load balancers and people, without authentication."""

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.lib import health
from config.lib.camel import CamelSerializer
from config.lib.errors import envelope

_WELL = {"connected", "running"}


class Probe(APIView):
    """Open to everybody, and never behind a log-in that may itself be what is down."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class LiveSerializer(CamelSerializer):
    status = serializers.ChoiceField(["alive"])


class Live(Probe):
    @extend_schema(responses=LiveSerializer, auth=[], tags=["health"])
    def get(self, request: Request) -> Response:
        """The process answers."""
        return Response({"status": "alive"})


class ReadySerializer(CamelSerializer):
    status = serializers.ChoiceField(["ready", "unready"])


class Ready(Probe):
    @extend_schema(responses={200: ReadySerializer, 503: ReadySerializer}, auth=[], tags=["health"])
    def get(self, request: Request) -> Response:
        """PostgreSQL answers. Valkey and workers do not count: losing them must not empty the load balancer."""
        connected = health.database_answers()
        return Response({"status": "ready" if connected else "unready"}, status=200 if connected else 503)


class HealthSerializer(CamelSerializer):
    status = serializers.ChoiceField(["healthy", "unhealthy"])
    database = serializers.ChoiceField(["connected", "disconnected"])
    redis = serializers.ChoiceField(["connected", "disconnected"])
    workers = serializers.ChoiceField(["running", "stopped", "unknown"])
    beat = serializers.ChoiceField(["running", "stopped", "unknown"])
    version = serializers.CharField()


class Health(Probe):
    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer}, auth=[], tags=["health"])
    def get(self, request: Request) -> Response:
        """Every part by name; 503 when any of them is down."""
        parts = {
            "database": "connected" if health.database_answers() else "disconnected",
            **health.valkey_and_processes(),
        }
        down = [name for name, state in parts.items() if state not in _WELL]
        body: dict[str, object] = {"status": "unhealthy" if down else "healthy", **parts, "version": settings.VERSION}
        if down:
            message = f"Down: {', '.join(down)}"
            body |= envelope(message, "unhealthy", [message])
        return Response(body, status=503 if down else 200)
