"""A pair classifier as an MLflow model: its Hugging Face folder, a signature, and this module as its loader.

MLflow's ``transformers`` flavour cannot load an architecture of our own without ``trust_remote_code`` (it looks for the
class in ``transformers`` itself, then in the config's ``auto_map``), and ``pyfunc`` objects are cloudpickled. A pyfunc
model with a *loader module* stores neither code nor pickle, only the folder and this module's name. Serve it where
``tmkd`` is installed: ``mlflow models serve --env-manager local``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

COLUMNS = ("question", "passage")
REQUIREMENTS = ("mlflow", "torch", "transformers", "pandas")
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
    """Load what `log` stored; the name and signature are MLflow's."""
    return PairScorer(Path(data_path))


def log(client: MlflowClient, run_id: str, folder: Path, examples: Sequence[tuple[str, str]], name: str) -> str:
    """Store ``folder`` as an MLflow model of the run and return its ``models:/…`` URI.

    The requirements are written, not inferred: inference starts a process that loads the model, 20 s and more.
    """
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.models import Model

    experiment_id = client.get_run(run_id).info.experiment_id
    logged = client.create_logged_model(experiment_id, name=name, source_run_id=run_id)
    with tempfile.TemporaryDirectory() as parent:
        path = Path(parent, "model")
        mlflow.pyfunc.save_model(
            path=str(path),
            loader_module=__name__,
            data_path=str(folder),
            mlflow_model=Model(logged.artifact_location, run_id, model_uuid=logged.model_id, model_id=logged.model_id),
            signature=_signature(folder),
            input_example=pd.DataFrame(list(examples), columns=list(COLUMNS)),
            pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
            metadata={"tmkd_version": version("tmkd")},
        )
        client.log_model_artifacts(logged.model_id, str(path))
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return f"models:/{logged.model_id}"


def _signature(folder: Path) -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    labels = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    names = [labels[key] for key in sorted(labels, key=int)]
    inputs = Schema([ColSpec(DataType.string, name) for name in COLUMNS])
    return ModelSignature(inputs, Schema([ColSpec(DataType.float, name) for name in names]))
