"""The body of a signed request: hashed as it arrives, then handed to the view as if nobody had read it.

An upload may be larger than memory allows a request, so what has been read waits in a temporary file.
"""

import hashlib
from tempfile import SpooledTemporaryFile
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from config.lib.errors import TooLarge

CHUNK_BYTES = 64 * 1024


def digest(request: HttpRequest) -> str:
    """Lower-case hex SHA-256 of the body. Raises TooLarge beyond the limit of uploads."""
    hashed, read = hashlib.sha256(), 0
    kept = SpooledTemporaryFile(max_size=settings.MAX_BODY_BYTES)  # noqa: SIM115  # closed with the request
    _close_with(request, kept)
    while chunk := request.read(CHUNK_BYTES):
        read += len(chunk)
        if read > settings.MAX_UPLOAD_BYTES:
            raise TooLarge(f"Request body exceeds {settings.MAX_UPLOAD_BYTES} bytes", code="body_too_large")
        hashed.update(chunk)
        kept.write(chunk)
    kept.seek(0)
    vars(request).update(_stream=kept, _read_started=False)
    return hashed.hexdigest()


def _close_with(request: HttpRequest, kept: SpooledTemporaryFile[bytes]) -> None:
    close = request.close

    def close_both() -> Any:
        kept.close()
        close()

    request.close = close_both  # type: ignore[method-assign]
