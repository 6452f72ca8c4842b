from collections.abc import Iterator

import pytest

from config.tests.demo import Demo, running


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """One whole system for all tests that look at it from outside. Whoever stops a part of it starts it again."""
    with running("--orders", "75") as demo:
        yield demo
