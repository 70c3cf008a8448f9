"""One corpus labelled once in an undisturbed run; every test that disturbs something compares with its bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from label_bench import Bench, make_bench

from tiny_teachers import bert_classifier
from tmkd.workspace import Workspace


@pytest.fixture(scope="session")
def teacher(tmp_path_factory) -> Path:
    return bert_classifier(tmp_path_factory.mktemp("teacher") / "m", num_labels=2)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory, teacher, ray_at_the_end) -> Bench:
    """Labelled by two actors of one core each. Tests must not change it."""
    bench = make_bench(tmp_path_factory.mktemp("labelled"), teacher)
    report = bench.label(resources={"actors": 2})
    assert (report.pairs, report.shards_done, report.shards_skipped, report.rejected) == (600, 10, 0, 0)
    return bench


@pytest.fixture
def bench(tmp_path, teacher, ray_session) -> Bench:
    """A corpus without labels."""
    return make_bench(tmp_path / "workspace", teacher)


@pytest.fixture
def copy(tmp_path, labelled) -> Bench:
    """A copy of the labelled workspace, to be damaged."""
    shutil.copytree(labelled.workspace.local_path(), tmp_path / "copy")
    return Bench(Workspace.open(str(tmp_path / "copy")), labelled.corpus, labelled.model)
