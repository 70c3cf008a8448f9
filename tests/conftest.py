"""Fixtures that several rooms share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import ray

from tmkd.cluster import connect


@pytest.fixture(scope="session")
def _ray_at_the_end() -> Iterator[None]:
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def ray_session(_ray_at_the_end: None) -> None:
    """One local Ray for all tests that need it; a job that a signal has ended has stopped the one before."""
    connect()
