"""Second stage: a teacher in an actor turns token columns into labels."""

from __future__ import annotations

import json
import time

import numpy as np

from tmkd.cluster import progress_poster, setup_worker
from tmkd.errors import UserError
from tmkd.labelling.attempts import LOADING, Attempts
from tmkd.labelling.job import TEXT_COLUMN, Job, Row, view_column
from tmkd.models.folders import local_folder
from tmkd.runtimes.failures import DeviceError, named_failures
from tmkd.runtimes.precision import has_fast_bf16, resolve_device, set_threads
from tmkd.soft_labels.layouts import Labels, pack
from tmkd.teachers.base import Teacher
from tmkd.teachers.kind_class import teacher_class
from tmkd.text.features import Ragged


class Score:
    """A teacher in an actor: token columns in, labels out.

    What a user has to mend (`UserError`) travels to the driver as a row's ``fault``; so does one met while loading.
    A broken device ends the actor, so that Ray tries the shard again in a fresh one.
    """

    def __init__(self, job: Job) -> None:
        setup_worker()
        self.job = job
        self._attempts = Attempts(job.task)
        set_threads(job.threads)
        self._loaded = self._load_or_fault()

    def __call__(self, row: Row) -> Row:
        if row.get("fault"):
            return row
        place = {key: row[key] for key in ("split", "shard")}
        work = f"{row['split']}/{row['shard']}"
        if isinstance(self._loaded, str):
            return {**place, "fault": self._loaded}
        if refusal := self._attempts.refusal(work):
            return {**place, "fault": f"{self.job.key}: {refusal}"}
        try:
            return {**place, **self._scored(self._loaded, row, work)}
        except UserError as error:
            return {**place, "fault": f"{self.job.key}: {error}"}
        except DeviceError as error:
            return {**place, "fault": f"{self.job.key}: {self._attempts.after_device_error(work, str(error))}"}

    def _scored(self, teacher: Teacher, row: Row, work: str) -> Row:
        post = progress_poster(self.job.task, work)
        teachers = [str(name) for name in row["teachers"]]
        columns = (TEXT_COLUMN, *(view_column(name) for name in teachers))
        text, *questions = (Ragged(row[f"{c}:values"], row[f"{c}:offsets"]) for c in columns)
        started = time.perf_counter()
        found = teacher.score_views(questions, text, lambda done: post(done, self.job.pairs))
        seconds = time.perf_counter() - started
        result: Row = {key: row[key] for key in ("ids", "reading")}
        result |= {"teachers": teachers, "scoring": seconds, "too_large": teacher.too_large or 0}
        for name, scored in zip(teachers, found, strict=True):
            labels = self._in_order(scored.values, name)
            result |= {f"{name}:{key}": value for key, value in pack(labels).items()}
            result[f"{name}:faults"] = json.dumps(scored.faults)
        return result

    def _in_order(self, labels: Labels, name: str) -> Labels:
        """Return class logits in the order of the corpus's classes; what span readers say has no order."""
        return labels[:, self.job.views[name].order] if isinstance(labels, np.ndarray) else labels

    def _load_or_fault(self) -> Teacher | str:
        """Return the teacher, or why there is none."""
        try:
            with named_failures("the model", "run fewer actors (resources) on a node"):
                return self._load()
        except UserError as error:
            said = str(error)
            return said if self.job.key in said else f"{self.job.key}: {said}"
        except DeviceError as error:
            return f"{self.job.key}: {self._attempts.after_device_error(LOADING, str(error))}"

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
