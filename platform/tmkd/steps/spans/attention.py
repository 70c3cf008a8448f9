"""Where the readers look together: labels of all of them at once, made for A2D's attention distillation."""

from __future__ import annotations

from tmkd.corpus.manifest import CorpusManifest
from tmkd.labelling.forecast import Forecast, forecast
from tmkd.steps.context import Context
from tmkd.steps.labels import ATTENTION_STORE
from tmkd.steps.teachers import label_with, teacher_model
from tmkd.teachers.reader_attention import AttentionConfig

LEARNED = "train"
"""The split on which students learn where to look."""


def ensure_attention(context: Context, corpus: CorpusManifest) -> None:
    """Store where the readers look in the train split, if the recipe's student learns it; finished shards are kept."""
    if not context.recipe.learns_attention or not corpus.rows(LEARNED):
        return
    config = attention_config(context)
    label_with(context, corpus, {ATTENTION_STORE: config}, config.model, [LEARNED], "where the readers look")


def attention_config(context: Context) -> AttentionConfig:
    """Return all readers as one teacher: they read as the student does, on what the first of them may use."""
    recipe = context.recipe
    models = [teacher_model(context, name) for name in recipe.teachers]
    first = next(iter(recipe.teachers.values()))
    return AttentionConfig(
        model=models[0], others=tuple(models[1:]), max_length=recipe.student.max_length, resources=first.resources,
        overlap=recipe.reading.overlap, max_question_tokens=recipe.reading.max_question_tokens, runtime="torch",
        precision="auto" if first.precision == "int8" else first.precision, batch_tokens=first.batch_tokens,
    )  # fmt: skip


def forecast_attention(context: Context, corpus: CorpusManifest) -> list[Forecast]:
    """Say what it will take to store where the readers look; nothing if no student learns it."""
    if not context.recipe.learns_attention or not corpus.rows(LEARNED):
        return []
    config, plan = attention_config(context), context.recipe.labelling
    views = {ATTENTION_STORE: config}
    found = forecast(
        context.workspace, corpus, [LEARNED], views, config.model, plan.actors, plan.price_per_hour, plan.max_rejected
    )
    return [found]
