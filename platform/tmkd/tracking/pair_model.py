"""A pair classifier as MLflow loads and runs it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tmkd.tracking.folder_model import FolderModel

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("question", "passage")
BATCH = 32


class PairScorer:
    """What ``mlflow.pyfunc.load_model`` gives: class probabilities of pairs."""

    def __init__(self, folder: Path) -> None:
        # `tmkd` itself is imported by now, so its own architectures are registered with the Auto classes.
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=False)
        self.model = model.eval()
        self.labels = [str(label) for _, label in sorted(self.model.config.id2label.items())]

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return one float32 probability column a class, named by the model's ``id2label``.

        Args:
            model_input: string columns ``question`` and ``passage``.
            params: unused; MLflow passes it.
        """
        import pandas as pd
        import torch

        parts = [np.empty((0, len(self.labels)), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(model_input), BATCH):
                texts = [model_input[column].iloc[start : start + BATCH].tolist() for column in COLUMNS]
                batch = self.tokenizer(*texts, truncation=True, padding=True, return_tensors="pt")
                logits = self.model(**batch).logits.float()
                parts.append((logits.softmax(-1) if logits.shape[-1] > 1 else logits.sigmoid()).numpy())
        return pd.DataFrame(np.concatenate(parts), columns=self.labels)


def _load_pyfunc(data_path: str) -> PairScorer:
    """Load what was stored; the name and signature are MLflow's."""
    return PairScorer(Path(data_path))


def pair_model(folder: Path, examples: Sequence[tuple[str, str]]) -> FolderModel:
    """Describe the pair classifier in ``folder``, with a few (question, passage) pairs as its example."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    labels = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    outputs = {labels[key]: "float" for key in sorted(labels, key=int)}
    return FolderModel(folder, __name__, COLUMNS, outputs, examples)
