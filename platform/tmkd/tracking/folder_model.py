"""A Hugging Face folder as an MLflow model: the folder, a signature, and the name of the module that loads it.

MLflow's ``transformers`` flavour cannot load an architecture of our own without ``trust_remote_code`` (it looks for the
class in ``transformers`` itself, then in the config's ``auto_map``), and ``pyfunc`` objects are cloudpickled. A pyfunc
model with a *loader module* stores neither code nor pickle, only the folder and that module's name. Serve it where
``tmkd`` is installed: ``mlflow models serve --env-manager local``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

REQUIREMENTS = ("mlflow", "torch", "transformers", "pandas")


@dataclass(frozen=True)
class FolderModel:
    """What MLflow is told of a model folder.

    Attributes:
        folder: what ``save_pretrained`` wrote (safetensors, config, tokenizer).
        loader: module whose ``_load_pyfunc(path)`` (or ``_load_pyfunc(path, settings)``) gives a model that predicts.
        inputs: names of its string columns.
        outputs: name of an output column -> its MLflow type, such as ``float``.
        examples: a few rows of inputs, kept beside the model.
        settings: what the loader is told beside the folder.
    """

    folder: Path
    loader: str
    inputs: Sequence[str]
    outputs: Mapping[str, str]
    examples: Sequence[Sequence[str]]
    settings: dict[str, Any] = field(default_factory=dict)


def log(client: MlflowClient, run_id: str, model: FolderModel, name: str) -> str:
    """Store ``model`` as an MLflow model of the run and return its ``models:/…`` URI.

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
            loader_module=model.loader,
            data_path=str(model.folder),
            mlflow_model=Model(logged.artifact_location, run_id, model_uuid=logged.model_id, model_id=logged.model_id),
            signature=_signature(model),
            input_example=pd.DataFrame([list(row) for row in model.examples], columns=list(model.inputs)),
            pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
            metadata={"tmkd_version": version("tmkd")},
            model_config=model.settings or None,
        )
        client.log_model_artifacts(logged.model_id, str(path))
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return f"models:/{logged.model_id}"


def _signature(model: FolderModel) -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    inputs = Schema([ColSpec(DataType.string, name) for name in model.inputs])
    return ModelSignature(inputs, Schema([ColSpec(DataType[kind], name) for name, kind in model.outputs.items()]))
