"""Label a corpus with one model: every missing shard of every split in one Ray Data pipeline."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
import ray.data

from tmkd.cluster import connect, watch_progress
from tmkd.corpus.schema import layout_of
from tmkd.errors import UserError
from tmkd.labelling.attempts import count_attempts
from tmkd.labelling.job import MAX_REJECTED, Corpus, Job
from tmkd.labelling.plan import Plan, plan_labels
from tmkd.labelling.pool import HELPER_CPUS, Nodes, Pool, plan_pool
from tmkd.labelling.publish import publish
from tmkd.labelling.read import read_tokenise
from tmkd.labelling.rejected import refuse_rejected
from tmkd.labelling.report import Done, LabelReport
from tmkd.labelling.score import Score
from tmkd.placement import Placement
from tmkd.teachers.config import TeacherConfig
from tmkd.workspace import Workspace


def label_corpus(
    workspace: Workspace,
    corpus: Corpus,
    splits: Sequence[str],
    teachers: Mapping[str, TeacherConfig],
    folder: Path | str,
    relabel: bool = False,
    requeue: bool = False,
    max_rejected: float = MAX_REJECTED,
) -> dict[str, LabelReport]:
    """Publish the soft labels of ``teachers`` for every shard of ``splits`` that has none yet.

    Kill any process and call it again: what is published is kept, and the bytes are those of an undisturbed
    run, whatever the number of actors.

    Args:
        workspace: where corpus, tokens and labels lie.
        corpus: the manifest of a finished corpus.
        splits: names of the splits to label.
        teachers: name of a teacher, and of its label stores -> what it reads and runs on. Several of them look
            through one model: their configs differ in ``question_pattern`` alone, and what they read alike is
            encoded once.
        folder: their model: a folder that every node can read, ``package:NAME`` or a Hub id.
        relabel: delete their labels of these splits first where something else made them.
        requeue: label shards with rejected rows again, now that what was wrong with them is mended.
        max_rejected: share of rows without a score above which the teacher is at fault, of a shard or a split.

    Returns:
        What was done, a teacher.

    Raises:
        UserError: before anything is scored, if the model cannot be used, its classes and the corpus's do not
            go together, or other weights or settings made the labels that are there; later, if too many rows of a shard
            or split have no score, a row does not fit into memory, or a device fails again and again.
    """
    started = time.monotonic()
    plan = plan_labels(workspace, corpus, splits, teachers, str(folder), relabel, requeue)
    done = run(plan, plan.todo, usual_pool(plan), max_rejected) if plan.todo else Done()
    listed = workspace.show(f"rejected/{corpus.name}")
    for (split, name), store in plan.stores.items():
        if store.manifest is None:
            refuse_rejected(store, corpus.shards(split), done, (split, name), max_rejected, listed)
            store.compact(corpus.shards(split), done.counts(split, name))
    seconds = time.monotonic() - started
    reports = {name: done.report(name, plan.done(name), seconds) for name in teachers}
    for report in reports.values():
        report.show(listed)
    done.show_halved(next(iter(teachers)))
    return reports


def usual_pool(plan: Plan) -> Pool:
    """Return the actors that the recipe asks for and the cluster has room for."""
    connect(os.environ.get("TMKD_VERBOSE") == "1")
    shards = max(1, len(plan.todo))
    return plan_pool(
        plan.config.resources, plan.host.device, Nodes.of_teacher(plan.config.resources), shards, next(iter(plan.views))
    )


def run(plan: Plan, todo: Mapping[tuple[str, str], list[str]], pool: Pool, max_rejected: float = MAX_REJECTED) -> Done:
    """Run the pipeline over shards of a plan.

    Args:
        plan: what binds the labels.
        todo: (split, shard) -> teachers that are to label it.
        pool: actors.
        max_rejected: share of a shard's rows without a score above which it is not published.
    """
    workspace, corpus, names = plan.workspace, plan.corpus, list(plan.views)
    total = expected_pairs(corpus, list(todo))
    job = Job(
        workspace=workspace,
        corpus=corpus.name,
        fingerprints={split: corpus.split_fingerprint(split) for split, _ in plan.stores},
        text=layout_of(corpus.task).text,
        views=plan.views,
        bound={place: str(store.fingerprint) for place, store in plan.stores.items()},
        config=plan.config,
        folder=plan.folder,
        host=plan.host,
        threads=pool.threads,
        task=f"label-{uuid.uuid4().hex[:8]}",
        pairs=total,
        max_rejected=max_rejected,
    )
    for place in {(split, name) for (split, _), missing in todo.items() for name in missing}:
        plan.stores[place].open_again()
    done, label = Done(), f"labels of {' and '.join(names)}"
    with count_attempts(job.task), watch_progress(job.task, label, total, "pairs") as bar:
        for row in _shards_done(job, pool, todo):
            done.add(row)
        bar.set(done.pairs, done.pairs)
    return done


def expected_pairs(corpus: Corpus, todo: list[tuple[str, str]]) -> int:
    """Return about how many pairs the missing shards hold, without opening any of them."""
    missing = Counter(split for split, _ in todo)
    return sum(round(corpus.rows(split) * count / len(corpus.shards(split))) for split, count in missing.items())


def _shards_done(job: Job, pool: Pool, todo: Mapping[tuple[str, str], list[str]]) -> Iterator[dict[str, Any]]:
    """Yield one row a published shard, as they come."""
    _quiet_ray_data()
    rows = [{"split": split, "shard": shard, "teachers": names} for (split, shard), names in todo.items()]
    near = Placement().options("reading")
    helpers: dict[str, Any] = {"num_cpus": HELPER_CPUS, "compute": ray.data.TaskPoolStrategy(size=pool.helpers), **near}
    where = job.config.resources.placement.options("teachers")
    actors = ray.data.ActorPoolStrategy(min_size=pool.smallest, max_size=pool.largest)
    dataset = (
        ray.data.from_items(rows, override_num_blocks=len(rows))
        .map(read_tokenise, fn_kwargs={"job": job}, **helpers)  # type: ignore[arg-type]
        .map(  # type: ignore[arg-type]
            Score, compute=actors, num_cpus=pool.cpus, num_gpus=pool.gpus, fn_constructor_kwargs={"job": job}, **where
        )
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
