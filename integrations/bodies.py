"""The body of a request, before a view sees it: hashed as it arrives where it is signed, and taken in where it comes in
chunks, without a length; then handed on as if nobody had read it.

An upload may be larger than memory allows a request, so what has been read waits in a temporary file.
"""

import hashlib
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.http import HttpRequest

from config.lib.errors import TooLarge, UnsupportedMedia

CHUNK_BYTES = 64 * 1024


def digest(request: HttpRequest) -> str:
    """Lower-case hex SHA-256 of the body. Raises TooLarge beyond the limit of uploads."""
    _check_promise(request)
    hashed = hashlib.sha256()
    _take_in(request, settings.MAX_UPLOAD_BYTES, hashed.update)
    return hashed.hexdigest()


def receive(request: HttpRequest, *, limit: int) -> None:
    """Refuse a body that nobody will read, by what its headers say, and take in one that comes in chunks: the framework
    takes no length for no body. Raises TooLarge, UnsupportedMedia."""
    coding = request.META.get("HTTP_CONTENT_ENCODING", "")
    if coding.lower() not in ("", "identity"):
        raise UnsupportedMedia(f"Content-Encoding {coding[:40]} is not understood: send the body as it is")
    _check_promise(request)
    if _comes_in_chunks(request):
        _take_in(request, limit, lambda _: None)


def _check_promise(request: HttpRequest) -> None:
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.MAX_UPLOAD_BYTES:
        raise _too_large(settings.MAX_UPLOAD_BYTES)


def _take_in(request: HttpRequest, limit: int, look: Callable[[bytes], None]) -> None:
    source = cast("BinaryIO", request.META["wsgi.input"] if _comes_in_chunks(request) else request)
    read = 0
    kept = SpooledTemporaryFile(max_size=settings.MAX_BODY_BYTES)  # noqa: SIM115  # closed with the request
    _close_with(request, kept)
    while chunk := source.read(CHUNK_BYTES):
        read += len(chunk)
        if read > limit:
            raise _too_large(limit)
        look(chunk)
        kept.write(chunk)
    kept.seek(0)
    vars(request).update(_stream=kept, _read_started=False)
    request.META["CONTENT_LENGTH"] = str(read)
    request.META.pop("HTTP_TRANSFER_ENCODING", None)


def _comes_in_chunks(request: HttpRequest) -> bool:
    return "HTTP_TRANSFER_ENCODING" in request.META and "wsgi.input" in request.META


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"Request body exceeds {limit} bytes", code="body_too_large")


def _close_with(request: HttpRequest, kept: SpooledTemporaryFile[bytes]) -> None:
    close = request.close

    def close_both() -> Any:
        kept.close()
        close()

    request.close = close_both  # type: ignore[method-assign]
