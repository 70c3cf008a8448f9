"""Second stage: a teacher in an actor turns token columns into labels."""

from __future__ import annotations

import json
import time

import numpy as np

from tmkd.cluster import progress_poster, setup_worker
from tmkd.errors import UserError
from tmkd.labelling.job import TEXT_COLUMN, Job, Row, view_column
from tmkd.models.folders import local_folder
from tmkd.runtimes.precision import has_fast_bf16, resolve_device, set_threads
from tmkd.soft_labels.layouts import Labels, pack
from tmkd.tasks.features import Ragged
from tmkd.teachers.base import Teacher
from tmkd.teachers.kinds import teacher_class


class Score:
    """A teacher in an actor: token columns in, labels out.

    What a user has to mend (`UserError`) travels to the driver as a row's ``fault``; so does one met while loading.
    """

    def __init__(self, job: Job) -> None:
        setup_worker()
        self.job = job
        set_threads(job.threads)
        try:
            self._loaded: Teacher | UserError = self._load()
        except UserError as error:
            self._loaded = error

    def __call__(self, row: Row) -> Row:
        if row.get("fault"):
            return row
        if isinstance(self._loaded, UserError):
            return {"split": row["split"], "shard": row["shard"], "fault": str(self._loaded)}
        post = progress_poster(self.job.task, f"{row['split']}/{row['shard']}")
        teachers = [str(name) for name in row["teachers"]]
        columns = (TEXT_COLUMN, *(view_column(name) for name in teachers))
        text, *questions = (Ragged(row[f"{c}:values"], row[f"{c}:offsets"]) for c in columns)
        started = time.perf_counter()
        try:
            found = self._loaded.score_views(questions, text, lambda done: post(done, self.job.pairs))
        except UserError as error:
            return {"split": row["split"], "shard": row["shard"], "fault": f"{self.job.key}: {error}"}
        seconds = time.perf_counter() - started
        result: Row = {key: row[key] for key in ("split", "shard", "ids", "reading")}
        result |= {"teachers": teachers, "scoring": seconds}
        for name, scored in zip(teachers, found, strict=True):
            labels = self._in_order(scored.values, name)
            result |= {f"{name}:{key}": value for key, value in pack(labels).items()}
            result[f"{name}:faults"] = json.dumps(scored.faults)
        return result

    def _in_order(self, labels: Labels, name: str) -> Labels:
        """Return class logits in the order of the corpus's classes; what span readers say has no order."""
        return labels[:, self.job.views[name].order] if isinstance(labels, np.ndarray) else labels

    def _load(self) -> Teacher:
        job = self.job
        if resolve_device(job.host.device) == "cpu" and job.host.precision == "bf16":
            _require_bf16(job)
        folder = local_folder(job.folder, job.key)
        teacher = teacher_class(job.config.kind).load(job.config, folder, job.host)
        found, expected = teacher.identity(), next(iter(job.views.values())).identity
        changed = [key for key in found if found[key] != expected[key]]
        if changed:
            raise UserError(
                f"{job.key}: {folder} on this node is another model than the driver's ({changed[0]} differs)"
            )
        return teacher


def _require_bf16(job: Job) -> None:
    if job.config.precision == "auto" and not has_fast_bf16("cpu"):
        raise UserError(
            f"{job.key}: its labels are bound to bf16, which this node's CPU does not compute in; "
            "set precision: fp32 beside it and label again"
        )
