"""A bucket of any S3-compatible store, named by one URL: ``https://KEY:SECRET@host[:port]/bucket[/folder][?region=…]``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast
from urllib.parse import parse_qs, unquote, urlsplit

from minio import Minio

PART_BYTES = 64 << 20  # of a large object: the store takes it in pieces, up to 10,000 of them


class Bucket:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        self._name, _, folder = parts.path.strip("/").partition("/")
        self._folder = f"{folder}/" if folder else ""
        self._client = Minio(
            host,
            access_key=unquote(parts.username or ""),
            secret_key=unquote(parts.password or ""),
            secure=parts.scheme == "https",
            region=parse_qs(parts.query).get("region", ["us-east-1"])[0],
        )

    def put(self, name: str, content: BinaryIO) -> None:
        self._client.put_object(self._name, self._folder + name, content, -1, part_size=PART_BYTES)

    def names(self) -> list[str]:
        found = self._client.list_objects(self._name, prefix=self._folder)
        return [str(item.object_name).removeprefix(self._folder) for item in found if not item.is_dir]

    def remove(self, name: str) -> None:
        self._client.remove_object(self._name, self._folder + name)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        response = self._client.get_object(self._name, self._folder + name)
        try:
            yield cast("BinaryIO", response)
        finally:
            response.close()
            response.release_conn()
