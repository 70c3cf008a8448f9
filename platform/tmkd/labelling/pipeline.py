"""Label a corpus with one teacher: every missing shard of every split in one Ray Data pipeline."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ray
import ray.data

from tmkd.cluster import connect, watch_progress
from tmkd.errors import UserError
from tmkd.labelling.job import Corpus, Job
from tmkd.labelling.plan import Plan, plan_labels
from tmkd.labelling.pool import HELPER_CPUS, Nodes, Pool, plan_pool
from tmkd.labelling.publish import publish
from tmkd.labelling.read import read_tokenise
from tmkd.labelling.report import LabelReport
from tmkd.labelling.score import Score
from tmkd.teachers.config import TeacherConfig
from tmkd.workspace import Workspace


def label_corpus(
    workspace: Workspace,
    corpus: Corpus,
    splits: Sequence[str],
    teacher: str,
    config: TeacherConfig,
    folder: Path | str,
    relabel: bool = False,
) -> LabelReport:
    """Publish the soft labels of ``teacher`` for every shard of ``splits`` that has none yet.

    Kill any process and call it again: what is published is kept, and the bytes are those of an undisturbed
    run, whatever the number of actors.

    Args:
        workspace: where corpus, tokens and labels lie.
        corpus: the manifest of a finished corpus.
        splits: names of the splits to label.
        teacher: name of the teacher, and of its label stores.
        config: what it reads and runs on.
        folder: its model: a folder that every node can read, ``package:NAME`` or a Hub id.
        relabel: delete its labels of these splits first where something else made them.

    Raises:
        UserError: before anything is scored, if the model cannot be used, its classes and the corpus's do not
            go together, or other weights or settings made the labels that are there.
    """
    started = time.monotonic()
    plan = plan_labels(workspace, corpus, splits, teacher, config, str(folder), relabel)
    pairs = rejected = 0
    if plan.todo:
        pairs, rejected = _run(plan, config)
    for split, store in plan.stores.items():
        if store.manifest is None:
            store.compact(corpus.shards(split))
    seconds = time.monotonic() - started
    rate = pairs / seconds if pairs else 0.0
    report = LabelReport(teacher, pairs, len(plan.todo), plan.skipped, rejected, seconds, rate)
    report.show(workspace.show(f"rejected/{corpus.name}"))
    return report


def _run(plan: Plan, config: TeacherConfig) -> tuple[int, int]:
    """Run the pipeline over the missing shards; return pairs scored and pairs rejected."""
    connect(os.environ.get("TMKD_VERBOSE") == "1")
    todo, workspace, corpus = plan.todo, plan.workspace, plan.corpus
    pool = plan_pool(config.resources, plan.host.device, Nodes.now(), len(todo), plan.teacher)
    total = _expected_pairs(corpus, todo)
    job = Job(
        workspace=workspace,
        corpus=corpus.name,
        corpus_fingerprint=corpus.fingerprint,
        teacher=plan.teacher,
        config=config,
        folder=plan.folder,
        host=plan.host,
        identity=plan.identity,
        order=plan.order,
        threads=pool.threads,
        task=f"label-{uuid.uuid4().hex[:8]}",
        pairs=total,
    )
    for split in {split for split, _ in todo}:
        plan.stores[split].open_again()
    pairs = rejected = 0
    with watch_progress(job.task, f"labels of {plan.teacher}", total, "pairs") as bar:
        for row in _shards_done(job, pool, todo):
            pairs += int(row["pairs"])
            rejected += int(row["rejected"])
        bar.set(pairs, pairs)
    return pairs, rejected


def _expected_pairs(corpus: Corpus, todo: list[tuple[str, str]]) -> int:
    """Return about how many pairs the missing shards hold, without opening any of them."""
    missing = Counter(split for split, _ in todo)
    return sum(round(corpus.rows(split) * count / len(corpus.shards(split))) for split, count in missing.items())


def _shards_done(job: Job, pool: Pool, todo: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield one row a published shard, as they come."""
    _quiet_ray_data()
    rows = [{"split": split, "shard": shard} for split, shard in todo]
    helpers: dict[str, Any] = {"num_cpus": HELPER_CPUS, "compute": ray.data.TaskPoolStrategy(size=pool.helpers)}
    actors = ray.data.ActorPoolStrategy(min_size=pool.smallest, max_size=pool.largest)
    dataset = (
        ray.data.from_items(rows, override_num_blocks=len(rows))
        .map(read_tokenise, fn_kwargs={"job": job}, **helpers)  # type: ignore[arg-type]
        .map(Score, compute=actors, num_cpus=pool.cpus, num_gpus=pool.gpus, fn_constructor_kwargs={"job": job})  # type: ignore[arg-type]
        .map(publish, fn_kwargs={"job": job}, **helpers)  # type: ignore[arg-type]
    )
    for row in dataset.iter_rows():
        if row["fault"]:
            raise UserError(str(row["fault"]))
        yield row


def _quiet_ray_data() -> None:
    context = ray.data.DataContext.get_current()
    if os.environ.get("TMKD_VERBOSE") == "1":
        return
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
