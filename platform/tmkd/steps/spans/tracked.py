"""Description of a finished span reader for MLflow."""

from __future__ import annotations

from tmkd.evaluation.span_model import span_model
from tmkd.models.folders import fetch
from tmkd.steps.context import Context
from tmkd.steps.student.examples import EXAMPLES
from tmkd.tracking.folder_model import FolderModel


def describe(context: Context, output: str) -> FolderModel:
    """Return how MLflow loads and runs the reader in a folder of the workspace."""
    reading = context.recipe.reading
    folder = fetch(context.workspace, output)
    return span_model(
        folder, context.recipe.student_reader(), reading.max_answer_tokens, reading.unanswerable, EXAMPLES
    )
