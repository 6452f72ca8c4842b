"""Processes as somebody else would start them, with nothing of the environment that the tests run in."""

import os


def bare(**changes: str) -> dict[str, str]:
    """The path, and what tells a process that it is measured."""
    kept = ("PATH", "COVERAGE_PROCESS_CONFIG")
    return {name: os.environ[name] for name in kept if name in os.environ} | changes
