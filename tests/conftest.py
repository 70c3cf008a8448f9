"""Fixtures that several rooms share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import ray

from tmkd.cluster import connect


@pytest.fixture(scope="session")
def ray_at_the_end() -> Iterator[None]:
    """Stop Ray after the last test."""
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def ray_session(ray_at_the_end: None) -> None:
    """One local Ray for all tests that need it; a job that a signal has ended has stopped the one before."""
    connect()
