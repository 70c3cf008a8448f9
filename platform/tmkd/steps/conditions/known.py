"""What is known before teachers label: the recipe, the corpus's manifest, and its golden labels."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from tmkd.corpus.manifest import CorpusManifest
from tmkd.objectives.base import ObjectiveConfig
from tmkd.recipe.recipe import Recipe
from tmkd.recipe.shorthands import Listed
from tmkd.soft_labels.golden_counts import golden_counts
from tmkd.steps.context import Context
from tmkd.steps.student.stages import first_rows
from tmkd.tasks.registry import task_of
from tmkd.training.config import MOST_STEPS, Schedule
from tmkd.training.plan import read_note

TRAIN, UNLABELED, VALIDATION = "train", "unlabeled", "validation"


class Known:
    """Facts that conditions ask for; golden labels are read once.

    Args:
        context: of the job.
        corpus: that is there.
    """

    def __init__(self, context: Context, corpus: CorpusManifest) -> None:
        self.context, self.corpus = context, corpus

    @property
    def recipe(self) -> Recipe:
        return self.context.recipe

    @cached_property
    def train(self) -> Counter[int]:
        """Class index -> golden labels of the train split; empty for spans."""
        return self._counts(TRAIN)

    @cached_property
    def validation(self) -> Counter[int]:
        """The same of the validation split."""
        return self._counts(VALIDATION)

    @property
    def one_class(self) -> str:
        """What the only class of the train split's golden labels is; empty where there are none or several."""
        if len(self.train) != 1:
            return ""
        ((label, count),) = self.train.items()
        only = self.corpus.classes[label]
        return f"every golden label of the train split of {self.corpus.name} is {only} ({count:,})"

    def rows_of_stage_1(self) -> int:
        return sum(first_rows(self.corpus.shard_rows(UNLABELED), self.recipe.pretrain.rows).values())

    def is_trained(self, folder: str) -> bool:
        """Tell whether a finished model is in a folder of the workspace, perhaps one of other settings."""
        return read_note(self.context.workspace, folder) is not None

    def has_rivals(self, split: str) -> bool:
        """Tell whether some question of a split has several candidates."""
        return self.corpus.rows(split) > self.corpus.questions(split)

    def objectives(self, stage: str) -> Listed:
        """Return what a stage of the recipe learns."""
        return self.recipe.objectives.get(stage, ())

    def comparing(self, stage: str) -> ObjectiveConfig | None:
        """Return the first objective of a stage that compares candidates of a question."""
        return next((each for each in self.objectives(stage) if each.kind().compares), None)

    def too_long(self, key: str, schedule: Schedule, rows: int) -> str | None:
        """Return what is wrong with a schedule that no machine will ever finish."""
        if not rows or (steps := schedule.steps(rows)) <= MOST_STEPS:
            return None
        return (
            f"{key}.epochs: {schedule.epochs:g} passes over {rows:,} rows are {steps:,} steps, and at most "
            f"{MOST_STEPS:,} are possible; give fewer epochs, or {key}.max_steps"
        )

    def _counts(self, split: str) -> Counter[int]:
        if not task_of(self.corpus.task).has_classes or not self.corpus.has_labels(split):
            return Counter()
        return golden_counts(self.context.workspace, self.corpus.name, split, self.corpus.shards(split))
