"""Fixtures that several rooms share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import ray

from tmkd.cluster import connect


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One local Ray for all tests that need it."""
    connect()
    yield
    ray.shutdown()
