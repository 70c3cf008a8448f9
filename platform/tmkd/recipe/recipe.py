"""The recipe: one YAML file that composes the configs of all rooms, checked as a whole before anything loads."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import Field, field_validator, model_validator

from tmkd.config import Config
from tmkd.corpus.config import CorpusConfig
from tmkd.errors import nearest
from tmkd.objectives.registry import OBJECTIVES
from tmkd.paths import check_name_length
from tmkd.recipe.compare import CompareRecipe
from tmkd.recipe.evaluation import EvaluationRecipe
from tmkd.recipe.regimes import Regime, has_groups, with_regime
from tmkd.recipe.search import SearchRecipe
from tmkd.recipe.shorthands import Listed
from tmkd.recipe.stage_objectives import check_lists, expand
from tmkd.recipe.student import BaselineRecipe, FinetuneRecipe, PretrainRecipe, ReadingRecipe, StudentRecipe
from tmkd.recipe.teacher import LabellingRecipe, TeacherEntry, TeacherTraining, WarmUp
from tmkd.students.registry import kind_of
from tmkd.tasks.base import Task
from tmkd.tasks.registry import names_where, task_of
from tmkd.tasks.signals import ATTENTION_MAPS, CLASS_LOGITS, SPAN_LOGITS
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.kinds import GIVES, kinds_for, tasks_for
from tmkd.training.config import EngineConfig

RESERVED = ("golden", "baseline", "ensemble", "pretrained", "finetuned", "attention", "each", "mean", "best")
"""Names that other models have, and words that stand where a teacher's name may stand."""


class Recipe(Config):
    """Everything one run needs."""

    name: str = Field(description="of the recipe (its file's name): the run and the MLflow experiment are called so")
    run: str | None = Field(None, description="name of the run below students/ and reports/; null = name")
    seed: int = Field(0, ge=0, le=2**31, description="of every training; the corpus has its own")
    corpus: CorpusConfig = Field(CorpusConfig(), description="where text comes from")
    teachers: dict[str, TeacherEntry] = Field(description="models that know, by name", min_length=1)
    labelling: LabellingRecipe = Field(
        LabellingRecipe(), description="what --plan reckons with, and when labelling stops"
    )
    student: StudentRecipe = Field(StudentRecipe(), description="what learns")
    pretrain: PretrainRecipe = Field(PretrainRecipe(), description="stage 1")
    finetune: FinetuneRecipe = Field(FinetuneRecipe(), description="stage 2")
    regime: Regime | None = Field(
        None,
        description="one of the paper's comparisons, whose values replace those of the recipe: "
        "pretrain.enabled, student.soft_headers, finetune.steps_of_both, and finetune.alpha of golden",
    )
    compare: CompareRecipe = Field(CompareRecipe(), description="what jobs/compare.py trains and tests")
    search: SearchRecipe = Field(SearchRecipe(), description="what jobs/tmkd_search.py tries and picks")
    baseline: BaselineRecipe = Field(BaselineRecipe(), description="what distillation must beat")
    reading: ReadingRecipe = Field(ReadingRecipe(), description="span corpora")
    training: EngineConfig = Field(EngineConfig(), description="workers, precision, checkpoints")
    evaluation: EvaluationRecipe = Field(EvaluationRecipe(), description="what is measured")

    @property
    def run_name(self) -> str:
        return self.run or self.name

    @model_validator(mode="before")
    @classmethod
    def _regime_decides(cls, tree: Any) -> Any:
        regime = tree.get("regime") if isinstance(tree, dict) else None
        if regime not in get_args(Regime) or not has_groups(tree):  # the fields' own checks say what is wrong
            return tree
        return with_regime(tree, str(regime))

    @field_validator("name", "run")
    @classmethod
    def _is_a_folder_name(cls, value: str | None) -> str | None:
        check_name_length(value or "")
        if value is not None and (not value or not value.replace("-", "").replace("_", "").replace(".", "").isalnum()):
            raise ValueError(f"{value!r} must be letters, digits, '-', '_' and '.', as folders are called so")
        return value

    @field_validator("teachers")
    @classmethod
    def _are_folder_names(cls, value: dict[str, TeacherEntry]) -> dict[str, TeacherEntry]:
        for name in value:
            check_name_length(name)
            if name in RESERVED or not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(
                    f"teacher name {name!r} must be letters, digits, '-' and '_', and none of {', '.join(RESERVED)}"
                )
        return value

    @model_validator(mode="after")
    def _warm_ups_exist(self) -> Recipe:
        for name, teacher in self.teachers.items():
            warm_up = teacher.train.warm_up if teacher.train else None
            for other in warm_up.teachers if warm_up else []:
                if other not in self.teachers or other == name:
                    legal = sorted(set(self.teachers) - {name})
                    raise ValueError(
                        f"teachers.{name}.train.warm_up.teachers: no other teacher {other!r}"
                        f"{nearest(other, legal)}; there are {', '.join(legal) or 'none'}"
                    )
                other_training = self.teachers[other].train
                if other_training is not None and other_training.warm_up is not None:
                    raise ValueError(f"teachers.{name}.train.warm_up.teachers: {other!r} has a warm_up itself")
        return self

    @property
    def task(self) -> Task:
        """The task of the corpus."""
        return task_of(self.corpus.task)

    @model_validator(mode="after")
    def _teachers_are_for_the_task(self) -> Recipe:
        task = self.task
        for name, teacher in self.teachers.items():
            if GIVES[teacher.kind] not in task.gives:
                raise ValueError(
                    f"teachers.{name}.kind: {teacher.kind} is for corpora of task {tasks_for(teacher.kind)}, but "
                    f"corpus.task is {task.name}; right would be {' or '.join(kinds_for(task.name))}"
                )
        return self

    @model_validator(mode="after")
    def _keys_of_spans_stand_with_spans(self) -> Recipe:
        for key in ("answer", "attention"):
            if SPAN_LOGITS not in self.task.gives and getattr(self.finetune, key):
                raise ValueError(f"finetune.{key} is for spans, but corpus.task is {self.task.name}; drop it")
        if not self.task.has_other_tests and self.evaluation.also:
            raise ValueError(f"evaluation.also is for spans so far, but corpus.task is {self.task.name}; drop it")
        return self

    @model_validator(mode="after")
    def _readers_vote_alike(self) -> Recipe:
        weighed = [name for name, teacher in self.teachers.items() if teacher.weight != 1]
        if CLASS_LOGITS not in self.task.gives and weighed:
            raise ValueError(
                f"teachers.{weighed[0]}.weight is for teachers of pairs so far: readers count alike; to leave one out, "
                f"--teachers.{weighed[0]} null"
            )
        return self

    @model_validator(mode="after")
    def _stages_go_together(self) -> Recipe:
        if self.finetune.attention_first and not self.finetune.attention:
            raise ValueError("finetune.attention_first: give finetune.attention a weight, or there is nothing to learn")
        if self.pretrain.enabled and (self.finetune.starts_from or self.finetune.steps_of_both):
            key = "starts_from" if self.finetune.starts_from else "steps_of_both"
            raise ValueError(
                f"finetune.{key} is for students without a stage 1 of their own; set pretrain.enabled to false"
            )
        return self

    @model_validator(mode="after")
    def _objectives_fit_the_corpus(self) -> Recipe:
        for stage in ("pretrain", "finetune"):
            asked: PretrainRecipe | FinetuneRecipe = getattr(self, stage)
            if CLASS_LOGITS not in self.task.gives and asked.objective != "mse":
                raise ValueError(
                    f"{stage}.objective: {asked.objective} is for pairs, but corpus.task is {self.task.name}; drop "
                    "it: spans are distilled by their start and end probabilities at reading.temperature"
                )
            if OBJECTIVES[asked.objective].kind().compares and len(self.corpus.classes) != 2:
                raise ValueError(
                    f"{stage}.objective: {asked.objective} compares candidates by the odds of two classes, but "
                    f"corpus.classes has {len(self.corpus.classes)}; right would be mse or kl"
                )
            if asked.temperature != 1 and asked.objective != "kl":
                raise ValueError(f"{stage}.temperature: only the objective kl has one, but it is {asked.objective}")
        return self

    @model_validator(mode="after")
    def _listed_objectives_fit_their_stages(self) -> Recipe:
        check_lists(self._lists(), self.corpus.task, len(self.corpus.classes))
        stages: list[PretrainRecipe | FinetuneRecipe] = [
            self.finetune,
            *([self.pretrain] if self.pretrain.enabled else []),
        ]
        for key, name in (("temperature", "span_kl"), ("candidates", "answer_margin")):
            default = ReadingRecipe.model_fields[key].default
            if getattr(self.reading, key) != default and all(stage.objectives for stage in stages):
                raise ValueError(
                    f"reading.{key} and finetune.objectives are both given; of a list it is {key} of {name}: drop one"
                )
        return self

    def _lists(self) -> dict[str, Listed]:
        """Return the lists that were given, by the key of their stage."""
        blocks: dict[str, PretrainRecipe | FinetuneRecipe | BaselineRecipe | TeacherTraining | WarmUp] = {
            "pretrain": self.pretrain, "finetune": self.finetune, "baseline": self.baseline
        }  # fmt: skip
        for name, training in ((name, entry.train) for name, entry in self.teachers.items() if entry.train):
            blocks[f"teachers.{name}.train"] = training
            if training.warm_up:
                blocks[f"teachers.{name}.train.warm_up"] = training.warm_up
        return {key: tuple(block.objectives) for key, block in blocks.items() if block.objectives}

    @property
    def objectives(self) -> dict[str, Listed]:
        """Key of each stage -> what it learns, shorthands expanded."""
        return expand(self.corpus.task, self.pretrain, self.finetune, self.baseline, self.reading, self.teachers)

    @property
    def learns_attention(self) -> bool:
        """Whether the student learns where its readers look."""
        stages = (self.objectives.get(key, ()) for key in ("finetune.attention_first", "finetune"))
        return any(ATTENTION_MAPS in config.kind().needs_teacher for listed in stages for config in listed)

    @model_validator(mode="after")
    def _soft_headers_have_teachers(self) -> Recipe:
        asked, legal = self.student.soft_headers, ["each", "mean", "best", *self.teachers]
        if asked not in legal:
            raise ValueError(f"student.soft_headers: {asked!r} is none of {', '.join(legal)}{nearest(asked, legal)}")
        kind = kind_of(self.student.kind)
        if self.task.gives[0] not in kind.gives:
            others = names_where(lambda task: task.gives[0] in kind.gives)
            raise ValueError(
                f"student.kind: {kind.name} is for task {others} so far, but corpus.task is {self.task.name}"
            )
        if asked == "best" and not self.task.has_classes:
            raise ValueError("student.soft_headers: best is for pairs so far; name the reader instead")
        learned = [asked] if asked in self.teachers else list(self.teachers)
        if not sum(self.teachers[name].weight for name in learned):
            raise ValueError(f"teachers.*.weight: {' and '.join(learned)} weigh nothing; give one of them a weight")
        return self

    @property
    def student_seed(self) -> int:
        """The seed of the student's own stages."""
        return self.seed if self.student.seed is None else self.student.seed

    def student_reader(self) -> TeacherConfig:
        """Return how a finished span student reads."""
        return TeacherConfig(
            kind="span_reader", model="student", max_length=self.student.max_length, overlap=self.reading.overlap,
            max_question_tokens=self.reading.max_question_tokens, precision=self.training.precision,
        )  # fmt: skip

    def in_order(self) -> list[str]:
        """Return the teachers' names, those that others learn from first."""
        return sorted(self.teachers, key=lambda name: bool((t := self.teachers[name].train) and t.warm_up))
