"""The config of the corpus room: where text comes from and how it becomes splits."""

from __future__ import annotations

import codecs
import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from tmkd.config import Config
from tmkd.corpus.docs.config import DocsConfig
from tmkd.errors import UserError, nearest
from tmkd.paths import PathText, check_name_length
from tmkd.tasks.registry import DEFAULT, TASKS, names_where, task_of

Column = str | int
AUTO = "auto"
MOST_COLUMNS = 1_000_000
PathList = PathText | list[PathText]
WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
"""Encodings that do not extend ASCII, and are read nevertheless."""
ADDED: dict[str, Any] = {"labels": {}, "escape": "auto", "mining.tokenizer": None}
"""Fields that corpora were made without, with the value that means the same; never edit a value that is there."""


class ColumnsConfig(Config):
    """Which column holds what: a name, or a position from 0 (TSV and CSV); null where there is none."""

    question: Column = Field(default="question", description="question, query, premise or first sentence")
    passage: Column = Field(default="passage", description="passage, answer, hypothesis or second sentence")
    label: Column | None = Field(
        "auto",
        description="golden label: class name or index; empty where nobody has judged; auto = the column 'label' if "
        "there is one, null = none",
    )
    grade: Column | None = Field(
        default=None, description="graded relevance for nDCG; alone, label = 1 where it is above 0"
    )
    question_id: Column | None = Field(
        default=None, description="groups a question's candidates; else the question's text does"
    )
    source_id: Column | None = Field(default=None, description="your key, unique in a split; else file and line")
    answers: Column | None = Field(
        default=None,
        description="span reading: {text: [...], answer_start: [...]} or [{text, answer_start}, ...]; empty = the "
        "context holds none, null = nobody has judged",
    )
    group: Column | None = Field(
        default=None, description="span reading: article or document, which no two splits share; else the context"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_boolean(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError(f"{value} is what YAML reads yes, no, on, off, true and false as: put the name in quotes")
        if isinstance(value, int) and not 0 <= value < MOST_COLUMNS:
            raise ValueError(f"{value:g} is no position of a column: they count from 0; a name of digits is '\"7\"'")
        return value

    def named(self) -> dict[str, Column]:
        """Return the mapped columns only, as ``{role: column}``."""
        roles = {role: getattr(self, role) for role in type(self).model_fields}
        return {role: column for role, column in roles.items() if column is not None}


class PathsConfig(Config):
    """Files (or folders, or patterns) per split; for the hub, names of its splits."""

    unlabeled: PathList | None = Field(
        default=None, description="pairs for the teachers to label; else made from train"
    )
    train: PathList | None = Field(default=None, description="golden-labelled pairs")
    validation: PathList | None = Field(default=None, description="else carved out of train (or unlabeled) by question")
    test: PathList | None = Field(default=None, description="else carved out of train (or unlabeled) by question")

    def given(self) -> dict[str, list[str]]:
        """Return ``{split: [path, ...]}`` of the splits that are named."""
        found = {split: getattr(self, split) for split in type(self).model_fields}
        return {split: [path] if isinstance(path, str) else path for split, path in found.items() if path}


class SplitConfig(Config):
    """How held-out splits are carved where no file is given. No question lies in two of them."""

    by: Literal["auto", "question", "package"] = Field(
        default="auto", description="auto = package for docs, else question"
    )
    validation: float = Field(default=0.1, ge=0, lt=1, description="fraction of the questions held out for validation")
    test: float = Field(default=0.1, ge=0, lt=1, description="fraction of the questions held out for the test")
    shared_questions: Literal["reject", "keep"] = Field(
        default="reject",
        description="rows of other files whose question is in a held-out file (keep: official NLI splits)",
    )

    @model_validator(mode="after")
    def _leaves_something(self) -> SplitConfig:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation + test = {self.validation + self.test:g}, but must be below 1")
        return self


class DeduplicateConfig(Config):
    """What is left out of the unlabeled split because it is there already. Golden-labelled rows are never touched."""

    enabled: bool = Field(default=True, description="leave out repeated pairs")
    near: Literal["auto"] | bool = Field(
        default="auto", description="also near-duplicate passages (MinHash); auto = docs only"
    )
    threshold: float = Field(
        default=0.7, gt=0, le=1, description="Jaccard similarity of word trigrams that counts as the same"
    )


class MiningConfig(Config):
    """BM25 candidates for the unlabeled questions of a file or hub source."""

    enabled: Literal["auto"] | bool = Field(
        default="auto", description="auto = on where questions have below 1.5 candidates on average"
    )
    top: int = Field(default=10, ge=1, le=10**6, description="passages a question")
    passages: PathText | None = Field(
        default=None, description="file of passages to mine from; else the split's own passages"
    )
    column: Column = Field(default="passage", description="the passage column of that file")
    tokenizer: PathText | None = Field(
        default=None,
        description="Hugging Face tokenizer (folder or Hub id) that cuts words; null = at blanks and signs, or "
        "into pairs of characters where a script has no blanks",
    )


class CorpusConfig(Config):
    """Where the question-passage pairs come from."""

    name: str = Field(default="docs", description="folder name of the corpus in the workspace; else the recipe's name")
    task: str = Field(
        default=DEFAULT, description="; ".join(f"{task.name} = {task.meaning}" for task in TASKS.values())
    )
    kind: Literal["auto", "docs", "files", "hub"] = Field(
        default="auto",
        description="docs = documentation of installed packages; auto = files where path(s) are given, else docs",
    )
    path: PathText | None = Field(
        default=None, description="one file that holds everything, split by question; or the hub id"
    )
    paths: PathsConfig = Field(default=PathsConfig(), description="files per split; for the hub, names of its splits")
    subset: str | None = Field(
        default=None, description="configuration name of a hub data set, such as 'qnli' of 'nyu-mll/glue'"
    )
    columns: ColumnsConfig = Field(default=ColumnsConfig(), description="which column holds what")
    format: Literal["auto", "tsv", "csv", "jsonl", "parquet", "squad"] = Field(
        default="auto", description="auto = by file extension; .json is JSON lines, or SQuAD's format for spans"
    )
    header: bool = Field(default=True, description="whether TSV and CSV files start with a line of column names")
    delimiter: str | None = Field(default=None, description="one character; null = tab for TSV, comma for CSV")
    quoting: Literal["auto"] | bool = Field(
        default="auto", description="whether quotes may hold delimiters; auto = CSV only"
    )
    escape: Literal["auto", "quote", "backslash"] = Field(
        default="auto",
        description="what stands before a quote inside quotes: another quote, or a backslash (Spark, MySQL); auto = "
        "backslash where a file is whole only that way",
    )
    encoding: str = Field(default="utf-8", description="of text files; a byte order mark of UTF-8, 16 or 32 counts")
    classes: list[str] = Field(
        default=["not_relevant", "relevant"], description="class names; a label is a name or an index"
    )
    labels: dict[str, str | None] = Field(
        default={},
        description="label values of the sources -> class, where they are spelled or numbered otherwise; null = not "
        "judged",
    )
    no_label: list[str] = Field(default=[], description="label values that mean 'not judged', such as '-' or '-1'")
    shard_rows: int = Field(
        default=16384, ge=1, le=10**8, description="rows a shard: the unit of labelling, resuming and joining"
    )
    seed: int = Field(default=0, ge=0, le=2**31, description="of the split and of the negatives")
    max_rows: int | None = Field(
        default=None, ge=1, le=10**12, description="stop after this many rows of each split's files"
    )
    split: SplitConfig = Field(default=SplitConfig(), description="how held-out splits are carved")
    deduplicate: DeduplicateConfig = Field(default=DeduplicateConfig(), description="what counts as the same")
    mining: MiningConfig = Field(default=MiningConfig(), description="BM25 candidates")
    docs: DocsConfig = Field(default=DocsConfig(), description="the default source")

    def identity(self) -> dict[str, Any]:
        """Return what made a corpus, as JSON values; newer fields only where they are set."""
        tree = self.model_dump(mode="json")
        for dotted, default in ADDED.items():
            *parents, leaf = dotted.split(".")
            node = tree
            for parent in parents:
                node = node[parent]
            if node[leaf] == default:
                del node[leaf]
        return tree

    @property
    def source_kind(self) -> Literal["docs", "files", "hub"]:
        """``kind`` with ``auto`` resolved."""
        if self.kind != "auto":
            return self.kind
        return "files" if self.path or self.paths.given() else "docs"

    @property
    def may_have_labels(self) -> bool:
        """Whether golden labels may be found: not where columns are mapped without any."""
        return self.source_kind == "docs" or self.columns.label is not None or self.columns.grade is not None

    @field_validator("name")
    @classmethod
    def _is_folder_name(cls, name: str) -> str:
        check_name_length(name)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise ValueError(f"{name!r} is no folder name: use letters, digits, '.', '_' and '-'")
        return name

    @field_validator("delimiter")
    @classmethod
    def _is_one_character(cls, delimiter: str | None) -> str | None:
        named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
        delimiter = named.get(delimiter, delimiter) if delimiter is not None else None
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
            raise ValueError(
                f"{delimiter!r} is not one character (tab, comma, semicolon, pipe or the character itself)"
            )
        return delimiter

    @field_validator("encoding")
    @classmethod
    def _extends_ascii(cls, encoding: str) -> str:
        # Files are cut into lines as bytes, so that one bad line costs one row; those in UTF-16 are recoded before.
        try:
            codec = codecs.lookup(encoding).name
            fits = codec in WIDE or "a\n\t".encode(encoding.removesuffix("-sig")) == b"a\n\t"
        except LookupError:
            fits = False
        if not fits:
            raise ValueError(f"{encoding!r} is no encoding that extends ASCII (utf-8, latin-1, cp1252 ...), nor UTF-16")
        return encoding.lower().removesuffix("-sig")

    @field_validator("classes")
    @classmethod
    def _are_classes(cls, classes: list[str]) -> list[str]:
        if len(classes) < 2 or len(set(classes)) < len(classes) or not all(classes):
            raise ValueError(f"{classes} must be two or more different, non-empty names")
        return classes

    @field_validator("labels", mode="before")
    @classmethod
    def _keys_are_text(cls, labels: object) -> object:
        if not isinstance(labels, dict):
            return labels
        return {str(key).lower() if isinstance(key, bool) else key: target for key, target in labels.items()}

    @model_validator(mode="after")
    def _maps_to_classes(self) -> CorpusConfig:
        for key, target in self.labels.items():
            if target is not None and target not in self.classes:
                raise ValueError(
                    f"labels.{key} is {target!r}{nearest(target, self.classes)}, but must be one of the classes "
                    f"({', '.join(self.classes)}) or null"
                )
        return self

    @field_validator("task")
    @classmethod
    def _is_a_task(cls, task: str) -> str:
        try:
            return task_of(task).name
        except UserError as error:
            raise ValueError(str(error)) from None

    def _fits_the_task(self) -> None:
        task, kind = task_of(self.task), self.source_kind
        if kind not in task.sources:
            raise ValueError(
                f"task {task.name!r} reads kind {' or '.join(map(repr, task.sources))}, but kind is {kind!r}"
            )
        if not task.has_answers and (self.format == "squad" or self.columns.answers is not None):
            others = names_where(lambda other: other.has_answers)
            raise ValueError(f"format 'squad' and columns.answers are for task {others!r}, but task is {task.name!r}")
        if self.labels and (kind == "docs" or not task.has_classes):
            others = names_where(lambda other: other.has_classes)
            raise ValueError(f"labels is for golden classes of kind 'files' or 'hub' with task {others!r}")

    @model_validator(mode="after")
    def _fits_together(self) -> CorpusConfig:
        kind, given = self.source_kind, self.paths.given()
        if kind == "docs" and (self.path or given):
            raise ValueError("path and paths are for kind 'files' or 'hub', but kind is 'docs'")
        self._fits_the_task()
        if kind == "docs" and len(self.classes) != 2:
            raise ValueError(f"kind 'docs' has two classes (not relevant, relevant), but classes are {self.classes}")
        if kind == "files" and bool(self.path) == bool(given):
            raise ValueError("kind 'files' needs either path (one file) or paths (files per split), and not both")
        if kind == "hub" and not self.path:
            raise ValueError("kind 'hub' needs path: the data set's id, such as 'nyu-mll/glue'")
        if kind != "docs" and self.split.by == "package":
            raise ValueError(f"split.by 'package' is for kind 'docs'; for {kind!r} it is 'question'")
        named = [column for column in self.columns.named().values() if isinstance(column, str) and column != AUTO]
        if kind == "files" and not self.header and named and self.format != "parquet":
            raise ValueError(f"header is false, so columns must be positions from 0, but {named} are names")
        if self.columns.grade is not None and self.columns.label in (None, AUTO) and len(self.classes) != 2:
            raise ValueError(f"columns.grade alone makes labels of two classes only, but classes are {self.classes}")
        return self
