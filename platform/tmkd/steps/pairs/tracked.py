"""Description of a finished classifier for MLflow."""

from __future__ import annotations

from tmkd.evaluation.pair_model import pair_model
from tmkd.models.folders import fetch
from tmkd.steps.context import Context
from tmkd.steps.student.examples import EXAMPLES
from tmkd.tracking.folder_model import FolderModel


def describe(context: Context, output: str) -> FolderModel:
    """Return how MLflow loads and runs the classifier in a folder of the workspace."""
    return pair_model(fetch(context.workspace, output), EXAMPLES)
