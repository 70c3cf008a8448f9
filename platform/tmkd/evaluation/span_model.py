"""A span reader as MLflow loads and runs it: contexts of any length in, answers in words out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmkd.evaluation.span_answers import Readings
from tmkd.runtimes.host import Host
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.span_reader import SpanReader
from tmkd.text.span_projection import grids_of
from tmkd.text.tokens import CONTEXT, tokenize, tokenize_whole
from tmkd.tracking.folder_model import FolderModel

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("question", CONTEXT)
ANSWER = "answer"


class Answerer:
    """What ``mlflow.pyfunc.load_model`` gives: the best answer to each question in its context."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.max_tokens, self.unanswerable = int(settings["max_answer_tokens"]), bool(settings["unanswerable"])
        self.tokenizer = load_tokenizer(folder)
        config = TeacherConfig(model=str(folder), **settings["reader"])
        self.reader = SpanReader.load(config, folder, Host("cpu", "fp32"))

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return the column ``answer``, empty where there is none.

        Args:
            model_input: string columns ``question`` and ``context``.
            params: unused; MLflow passes it.
        """
        import pandas as pd

        questions, contexts = (model_input[column].tolist() for column in COLUMNS)
        text = tokenize_whole(self.tokenizer, contexts)
        found = self.reader.score(tokenize(self.tokenizer, questions), text["tokens"])
        readings = Readings.of(found.values, grids_of(text["starts"], text["ends"]))
        answers = [
            readings.answer(row, context, self.max_tokens, self.unanswerable) for row, context in enumerate(contexts)
        ]
        return pd.DataFrame({ANSWER: answers})


def _load_pyfunc(data_path: str, model_config: dict[str, Any]) -> Answerer:
    """Load what was stored; the name and signature are MLflow's."""
    return Answerer(Path(data_path), model_config)


def span_model(
    folder: Path, reader: TeacherConfig, max_answer_tokens: int, unanswerable: bool, examples: Sequence[tuple[str, str]]
) -> FolderModel:
    """Describe the span reader in ``folder``, which reads as ``reader`` says, with a few (question, context) pairs."""
    settings = {
        "reader": reader.model_dump(include={"kind", "max_length", "overlap", "max_question_tokens"}),
        "max_answer_tokens": max_answer_tokens,
        "unanswerable": unanswerable,
    }
    return FolderModel(folder, __name__, COLUMNS, {ANSWER: "string"}, examples, settings)
