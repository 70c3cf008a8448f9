"""The students of a comparison: planned from its cells, trained side by side, scored once each."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tmkd.corpus.manifest import CorpusManifest
from tmkd.evaluation.pairs import PAIRS, HeaderProbabilities
from tmkd.evaluation.scoring import Measured, measure
from tmkd.models.student_config import AGGREGATE
from tmkd.steps.context import Context
from tmkd.steps.measurement import measurement, stored_rows
from tmkd.steps.student.stages import finetune_stage, stages_before
from tmkd.steps.teachers import teacher_model
from tmkd.studies.comparison.cells import Cell, cell_recipes, seeded, teachers_of_seed
from tmkd.teachers.config import TeacherConfig
from tmkd.training.plan import finished
from tmkd.training.side_by_side import train_side_by_side
from tmkd.training.stage import Stage

Probabilities = npt.NDArray[np.float32]
SCORES = "scores-"
"""What the file of a student's scores begins with."""
SCORED_TOGETHER = 8
"""Students scored in one Ray task, after which a killed comparison does not score them again."""


@dataclass(frozen=True)
class Planned:
    """One cell with one seed: the chains of stages whose students answer together (one, but of ``m-o-m``)."""

    cell: Cell
    seed: int
    chains: tuple[tuple[Stage, ...], ...]

    @property
    def students(self) -> list[str]:
        """The folders of the finished students."""
        return [chain[-1].output for chain in self.chains]


def plan(context: Context, corpus: CorpusManifest, wanted: Sequence[Cell], seeds: Sequence[int]) -> list[Planned]:
    """Return the stages of every cell and seed; equal stages have one folder, whichever cell they are of."""
    found = []
    for seed in seeds:
        for cell in wanted:
            contexts = [dataclasses.replace(context, recipe=each) for each in cell_recipes(context.recipe, cell, seed)]
            chains = [addressed(context, [*stages_before(c, corpus), finetune_stage(c, corpus)]) for c in contexts]
            found.append(Planned(cell, seed, tuple(chains)))
    return found


def addressed(context: Context, stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Give stages folders that are called after what they are, so that what is equal is found and not made again."""
    folders = {stage.output: f"{context.run_folder}/cells/{stage.identity()}" for stage in stages}
    return tuple(_moved(stage, folders) for stage in stages)


def _moved(stage: Stage, folders: Mapping[str, str]) -> Stage:
    """Return a stage that reads and writes in other folders, which is no other stage."""
    start = stage.spec.start
    start = dataclasses.replace(start, folder=folders.get(start.folder or "", start.folder))
    return dataclasses.replace(stage, spec=dataclasses.replace(stage.spec, start=start), output=folders[stage.output])


def train_all(context: Context, planned: Sequence[Planned]) -> dict[str, str]:
    """Train what is not there yet; returns the folders of students that could not be trained, each with the reason."""
    chains = [chain for each in planned for chain in each.chains]
    stages = {stage.output for chain in chains for stage in chain}
    title = f"{len({chain[-1].output for chain in chains})} students in {len(stages)} stages"
    if all(finished(context.workspace, stage) is not None for chain in chains for stage in chain):
        context.skip(f"comparison · {title}", f"{context.run_folder}/cells")
        return {}
    with context.step(f"comparison · {title}", f"{context.run_folder}/cells"):
        return train_side_by_side(
            chains, context.recipe.training, context.workspace, context.recipe.run_name, "training"
        )


def score_all(
    context: Context,
    corpus: CorpusManifest,
    students: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    of: str = "comparison",
) -> dict[str, Probabilities]:
    """Return every student's aggregated probabilities (Eq. 6) of the judged split, float32 [n, C]; scored once."""
    split = context.recipe.evaluation.split
    paths = {folder: f"{folder}/{SCORES}{split}-{corpus.fingerprints[split]}.npy" for folder in dict.fromkeys(students)}
    kept = {folder: data for folder, path in paths.items() if (data := context.workspace.read_intact(path)) is not None}
    missing = [folder for folder in paths if folder not in kept]
    if not missing:
        context.skip(f"{of} · scores of {len(paths)} students", f"{context.run_folder}/cells")
        return {folder: _loaded(data) for folder, data in kept.items()}
    with context.step(f"{of} · scores of {len(missing)} students", f"{context.run_folder}/cells"):
        for start in range(0, len(missing), SCORED_TOGETHER):
            some = missing[start : start + SCORED_TOGETHER]
            found = _measure(context, corpus, {folder: folder for folder in some}, pairs, 0.0, {})
            for folder in some:
                kept[folder] = _publish(context, paths[folder], found.outputs[folder][AGGREGATE])
    return {folder: _loaded(kept[folder]) for folder in paths}


def time_all(
    context: Context, corpus: CorpusManifest, students: Mapping[str, str], pairs: Sequence[tuple[str, str]], seed: int
) -> Measured[HeaderProbabilities]:
    """Time one student of each shape and every teacher, alone on the device, one after the other.

    Args:
        context: the run.
        corpus: whose judged split the texts are of.
        students: shape -> folder of a student that has it.
        pairs: texts to time on.
        seed: whose teachers stand for all.
    """
    recipe = context.recipe
    found = dataclasses.replace(context, recipe=teachers_of_seed(recipe, seed))
    teachers = {
        name: (entry.config(), teacher_model(found, seeded(name, recipe, seed)))
        for name, entry in recipe.teachers.items()
    }
    with context.step("comparison · speed", context.report_folder):
        return _measure(context, corpus, students, pairs, recipe.evaluation.speed_seconds, teachers)


def _measure(
    context: Context,
    corpus: CorpusManifest,
    students: Mapping[str, str],
    pairs: Sequence[tuple[str, str]],
    seconds: float,
    teachers: Mapping[str, tuple[TeacherConfig, str]],
) -> Measured[HeaderProbabilities]:
    rows = stored_rows(context, corpus, context.recipe.evaluation.split)
    if seconds:
        rows = dataclasses.replace(rows, shards=())
    return measure(measurement(context, PAIRS, rows, students, teachers, pairs, seconds))


def _publish(context: Context, path: str, values: Probabilities) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    context.workspace.publish_bytes(path, buffer.getvalue())
    return buffer.getvalue()


def _loaded(data: bytes) -> Probabilities:
    values: Probabilities = np.load(io.BytesIO(data), allow_pickle=False)
    return values
