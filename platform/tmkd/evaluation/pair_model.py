"""A pair classifier as MLflow loads and runs it: class probabilities of pairs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmkd.evaluation.scorer import Scorer
from tmkd.models.student_config import AGGREGATE
from tmkd.runtimes.host import Host
from tmkd.tracking.folder_model import FolderModel

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("question", "passage")


class PairScorer:
    """Model that ``mlflow.pyfunc.load_model`` returns: class probabilities of pairs, from the default header."""

    def __init__(self, folder: Path) -> None:
        self.scorer = Scorer.open(folder, host=Host("cpu", "fp32"))
        config = _config(folder)
        self.labels = _labels(config)
        self.header = str(config.get("header") or AGGREGATE)

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return one float32 probability column a class, named by the model's ``id2label``.

        Args:
            model_input: string columns ``question`` and ``passage``.
            params: unused; MLflow passes it.
        """
        import pandas as pd

        pairs = list(zip(*(model_input[column].tolist() for column in COLUMNS), strict=True))
        return pd.DataFrame(self.scorer.score_texts(pairs)[self.header], columns=self.labels)


def _load_pyfunc(data_path: str) -> PairScorer:
    """Load what was stored; the name and signature are MLflow's."""
    return PairScorer(Path(data_path))


def pair_model(folder: Path, examples: Sequence[tuple[str, str]]) -> FolderModel:
    """Describe the pair classifier in ``folder``, with a few (question, passage) pairs as its example."""
    return FolderModel(folder, __name__, COLUMNS, dict.fromkeys(_labels(_config(folder)), "float"), examples)


def _config(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return found


def _labels(config: dict[str, Any]) -> list[str]:
    labels = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    return [str(labels[key]) for key in sorted(labels, key=int)]
