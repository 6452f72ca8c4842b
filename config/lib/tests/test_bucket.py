"""The store is spoken to over HTTP, in its own protocol, signed."""

import io
import os
from collections.abc import Iterator
from typing import Any

import pytest
from minio.error import S3Error

from config.lib import bucket as buckets
from config.lib.bucket import Bucket
from config.lib.tests import store


@pytest.fixture
def place() -> Iterator[tuple[str, dict[str, bytes]]]:
    with store.running() as place:
        yield place


def test_objects_are_put_listed_read_and_removed_below_the_folder(place: tuple[str, dict[str, bytes]]) -> None:
    url, objects = place
    bucket = Bucket(url)
    bucket.put("one.json", io.BytesIO(b"{}"))
    bucket.put("two.json", io.BytesIO(b""))
    assert objects == {"backups/nightly/one.json": b"{}", "backups/nightly/two.json": b""}
    assert bucket.names() == ["one.json", "two.json"]
    with bucket.open("one.json") as content:
        assert content.read() == b"{}"
    bucket.remove("one.json")
    assert bucket.names() == ["two.json"]


def test_large_objects_go_in_parts(place: tuple[str, dict[str, bytes]], monkeypatch: Any) -> None:
    url, objects = place
    monkeypatch.setattr(buckets, "PART_BYTES", 5 << 20)
    content = os.urandom(11 << 20)
    Bucket(url).put("large", io.BytesIO(content))
    assert objects["backups/nightly/large"] == content


def test_a_missing_object_and_a_wrong_key_are_errors(place: tuple[str, dict[str, bytes]]) -> None:
    url, _ = place
    with pytest.raises(S3Error, match="NoSuchKey"), Bucket(url).open("nothing"):
        pass
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        Bucket(url.replace("access:", "nobody:")).names()
