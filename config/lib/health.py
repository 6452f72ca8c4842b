"""Liveness, readiness and health: true to reality, asked by load balancers and people, without authentication."""

import time
from contextlib import suppress

import redis
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse

from config.lib import valkey

HEARTBEAT_SECONDS = 10
WORKER_BEAT = "heartbeat:worker"
BEAT_BEAT = "heartbeat:beat"


def livez(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> JsonResponse:
    """PostgreSQL answers. Valkey and the workers do not count: losing them must not empty the load balancer."""
    connected = database_answers()
    return JsonResponse({"status": "ready" if connected else "unready"}, status=200 if connected else 503)


def health(request: HttpRequest) -> JsonResponse:
    """Every part by name; 503 when any of them is down."""
    parts = {"database": "connected" if database_answers() else "disconnected"} | _valkey_and_processes()
    well = all(state in {"connected", "running"} for state in parts.values())
    body: dict[str, object] = {"status": "healthy" if well else "unhealthy", **parts, "version": settings.VERSION}
    if not well:
        down = ", ".join(name for name, state in parts.items() if state not in {"connected", "running"})
        body |= {"success": False, "message": f"Down: {down}", "errors": [f"Down: {down}"], "code": "unhealthy"}
    return JsonResponse(body, status=200 if well else 503)


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        connection.close()
        return False
    return True


def beat(name: str) -> None:
    """Note that a worker or the scheduler is alive. Without Valkey there is no note, and health says so by itself."""
    with suppress(redis.RedisError):
        valkey.client().set(name, int(time.time()), ex=HEARTBEAT_SECONDS)


def _valkey_and_processes() -> dict[str, str]:
    try:
        beats = valkey.client().mget(WORKER_BEAT, BEAT_BEAT)
    except redis.RedisError:
        return {"redis": "disconnected", "workers": "unknown", "beat": "unknown"}
    workers, scheduler = ("running" if seen else "stopped" for seen in beats)
    return {"redis": "connected", "workers": workers, "beat": scheduler}
