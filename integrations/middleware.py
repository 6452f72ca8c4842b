"""The gate of the API: who calls, whether they may call now, and the note of it afterwards.

It stands around the views, and not inside them, so that every reply tells the truth about limits (a 401, a 404 and a
429 too) and every call with a known key is written down, whatever became of it.
"""

import logging
import re
import time
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from config.lib import audit, logs
from config.lib.errors import ApiError, as_json
from config.lib.requests import client_address
from integrations import bodies, lockout, throttles, usage
from integrations.authentication import Refused, authenticate, authenticate_again, claim_in
from integrations.caller import Caller, set_caller
from integrations.lockout import LockedOut
from integrations.models import Integration
from integrations.throttles import Admission

logger = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponseBase]
Authenticate = Callable[..., Integration]
_LEFT = "left_to_do"
# Probes and documents are neither limited nor logged.
_GATED = re.compile(r"/ws/|/api/(?!(v\d+/)?(health|docs|openapi\.(yaml|json))$)")


def api_gate(get_response: Handler) -> Handler:
    def gate(request: HttpRequest) -> HttpResponseBase:
        if not _GATED.match(request.path_info):
            return get_response(request)
        started = time.perf_counter()
        caller = identify(request)
        set_caller(request, caller)
        integration = _whose_key(caller)
        logs.bind(integration_id=integration.pk if integration else None, user_id=caller.user_id)
        admission = throttles.admit(request, caller)
        refusal = admission.refusal or _receive(request, caller)
        response = as_json(refusal) if refusal else get_response(request)
        for name, value in admission.headers.items():
            response.headers.setdefault(name, value)
        _note(request, response, caller, admission, started)
        return response

    return gate


def calls_written(get_response: Handler) -> Handler:
    """Further out than the gate: no reply goes out before its line in the log is there to stay. PostgreSQL writes that
    while the layers in between see to the reply."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        left: list[Callable[[], None]] = []
        vars(request)[_LEFT] = left
        response = get_response(request)
        for work in left:
            work()
        return response

    return middleware


def open_connection_gate(get_response: Handler) -> Handler:
    """The gate of a connection that `api_gate` has let in: whether its credentials still pass. That is no further call
    of the API, so it is neither limited nor logged."""

    def gate(request: HttpRequest) -> HttpResponseBase:
        set_caller(request, identify(request, authenticate_again))
        return get_response(request)

    return gate


def identify(request: HttpRequest, judge: Authenticate = authenticate) -> Caller:
    """The caller by key, else by session. Refusals are kept for the view to answer, in the API's own error shape."""
    try:
        target, body_sha256 = request.get_full_path(), partial(bodies.digest, request)
        claim = claim_in(request.headers, method=str(request.method), target=target, body_sha256=body_sha256)
        if claim is None:
            return Caller(user_id=request.user.pk)
        address = client_address(request)
        integration = judge(claim, address=address, now=timezone.now())
        is_former = claim.key != integration.api_key
        return Caller(integration, lockout.pair_of(claim.key, address), with_former_key=is_former)
    except (ApiError, OperationalError) as error:
        return Caller(refusal=error)


def _whose_key(caller: Caller) -> Integration | None:
    """Also of a key that is known and does not pass."""
    return caller.refusal.integration if isinstance(caller.refusal, Refused) else caller.integration


def _receive(request: HttpRequest, caller: Caller) -> ApiError | None:
    """Why the body is refused, if it is. Of strangers, who can only log in, no more is taken in than a page of JSON."""
    is_known = caller.integration or caller.user_id
    try:
        bodies.receive(request, limit=settings.MAX_UPLOAD_BYTES if is_known else settings.MAX_BODY_BYTES)
    except ApiError as error:
        return error
    return None


def _note(
    request: HttpRequest, response: HttpResponseBase, caller: Caller, admission: Admission, started: float
) -> None:
    refusal = admission.refusal or caller.refusal
    if isinstance(caller.refusal, Refused | LockedOut):
        _after_reply(response, partial(_record_refusal, caller.refusal, client_address(request)))
    integration = _whose_key(caller)
    if integration is None:
        return
    call = usage.Call(
        integration_id=integration.pk,
        endpoint=request.path,
        method=str(request.method),
        status_code=response.status_code,
        milliseconds=round((time.perf_counter() - started) * 1000),
        error=_error_in(response) if refusal is None else getattr(refusal, "reason", str(refusal)),
    )
    if refusal is None:
        finish = _log(call, counts=True, former_key_from=client_address(request) if caller.with_former_key else None)
        _before_reply(request, finish)
    else:
        # Only after the reply: a key that is known must not take longer to refuse than one that is not.
        _after_reply(response, partial(_log_now, call))


def _record_refusal(refusal: Refused | LockedOut, address: str) -> None:
    """For the auditors; the owner reads it in the usage log. An unknown key is not kept: it may be a secret."""
    integration = refusal.integration if isinstance(refusal, Refused) else None
    target = ("integration", integration.pk) if integration else ("address", address)
    reason = refusal.reason if isinstance(refusal, Refused) else refusal.message
    action = "key.refused" if isinstance(refusal, Refused) else "key.locked_out"
    audit.record_refusal(action, target=target, address=address, reason=reason)


def _error_in(response: HttpResponseBase) -> str | None:
    """What went wrong, for the integration's owner to read."""
    data = getattr(response, "data", None)
    told = data.get("message") if isinstance(data, dict) else response.reason_phrase
    return str(told) if response.status_code >= 400 else None


def _log(call: usage.Call, *, counts: bool, former_key_from: str | None = None) -> Callable[[], None]:
    """Begin to write down a call; what is returned waits until that is done."""
    try:
        written = usage.log(call, counts=counts)
    except DatabaseError as error:
        return partial(_tell_unwritten, call, error)

    def finish() -> None:
        try:
            written()
            if former_key_from:
                usage.note_former_key(call.integration_id, address=former_key_from)
        except DatabaseError as error:
            _tell_unwritten(call, error)

    return finish


def _log_now(call: usage.Call) -> None:
    _log(call, counts=False)()


def _tell_unwritten(call: usage.Call, error: DatabaseError) -> None:
    """The work is done and the client must hear of it: this line is the record that remains."""
    logger.error("usage_log_unwritten %s", call, exc_info=error)


def _before_reply(request: HttpRequest, work: Callable[[], None]) -> None:
    """Leave `work` to `calls_written`, where that is around us."""
    left: list[Callable[[], None]] | None = vars(request).get(_LEFT)
    if left is None:
        work()
    else:
        left.append(work)


def _after_reply(response: HttpResponseBase, work: Callable[[], None]) -> None:
    """Run `work` once the server has sent the reply, which is when it closes it (PEP 3333)."""
    close = response.close

    def work_and_close() -> None:
        try:
            work()
        finally:
            close()

    response.close = work_and_close  # type: ignore[method-assign]
