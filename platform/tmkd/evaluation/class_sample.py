"""Probabilities of a classifier on a few pairs before it labels: scored in one Ray task, nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from tmkd.cluster import progress_poster, setup_worker
from tmkd.evaluation.alone import PROGRESS, run_alone
from tmkd.evaluation.pairs import PAIRS
from tmkd.evaluation.scorer import TimedModel
from tmkd.models.folders import local_folder
from tmkd.placement import Placement
from tmkd.runtimes.host import Host
from tmkd.runtimes.precision import resolve_device, set_threads
from tmkd.teachers.config import TeacherConfig


@dataclass(frozen=True)
class ClassSample:
    """What to score.

    Attributes:
        teacher: its name, for messages.
        config: what it reads.
        model: folder, package or Hub id, resolved where it runs.
        pairs: (question, passage).
    """

    teacher: str
    config: TeacherConfig
    model: str
    pairs: Sequence[tuple[str, str]]


def sample_probabilities(sample: ClassSample, placement: Placement) -> npt.NDArray[np.float64]:
    """Return the probabilities of the model's columns in its own order, float64 [n, C]; NaN where it cannot score."""
    return run_alone(_score, sample, f"order of {sample.teacher}'s classes", 1, placement, timed=False)


def _score(sample: ClassSample, threads: int) -> npt.NDArray[np.float64]:
    setup_worker()
    set_threads(threads)
    folder = local_folder(sample.model, f"teachers.{sample.teacher}.model")
    host = Host(resolve_device("auto"), "fp32")
    logits = TimedModel.of_teacher(PAIRS, sample.config, folder, host).raw(sample.pairs).values
    progress_poster(PROGRESS)(1, 1)
    return np.asarray(softmax(np.asarray(logits, np.float64), axis=1))
