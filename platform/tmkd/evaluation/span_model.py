"""A span reader as MLflow loads and runs it: contexts of any length in, answers in words out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmkd.evaluation.scorer import Scorer
from tmkd.evaluation.task_scoring import TextLimits
from tmkd.runtimes.host import Host
from tmkd.teachers.config import TeacherConfig
from tmkd.text.tokens import CONTEXT
from tmkd.tracking.folder_model import FolderModel

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("question", CONTEXT)
ANSWER = "answer"
LIMITS = ("max_length", "overlap", "max_question_tokens")


class Answerer:
    """What ``mlflow.pyfunc.load_model`` gives: the best answer to each question in its context."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.max_tokens, self.unanswerable = int(settings["max_answer_tokens"]), bool(settings["unanswerable"])
        limits = TextLimits(**{name: settings["reader"][name] for name in LIMITS})
        self.scorer = Scorer.open(folder, limits, Host("cpu", "fp32"))

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return the column ``answer``, empty where there is none.

        Args:
            model_input: string columns ``question`` and ``context``.
            params: unused; MLflow passes it.
        """
        import pandas as pd

        questions, contexts = (model_input[column].tolist() for column in COLUMNS)
        readings = self.scorer.score_texts(list(zip(questions, contexts, strict=True)))
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
        "reader": reader.model_dump(include={"kind", *LIMITS}),
        "max_answer_tokens": max_answer_tokens,
        "unanswerable": unanswerable,
    }
    return FolderModel(folder, __name__, COLUMNS, {ANSWER: "string"}, examples, settings)
