"""From a trained engine to a Hugging Face folder in the workspace: weights, tokenizer, model card, note."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tmkd.models import folders
from tmkd.training import divergence
from tmkd.training.lessons import lesson_of
from tmkd.training.model import finish
from tmkd.training.plan import NOTE, Plan
from tmkd.training.stage import Stage


def publish(
    stage: Stage,
    plan: Plan,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rank: int,
    note: dict[str, Any],
) -> None:
    """Save the model under ``stage.output``; its note comes last, so that half a folder never counts as finished.

    Every worker calls it: with ZeRO stage 3 the weights lie in parts on all of them.

    Raises:
        DivergedError: if a weight is no number.
    """
    finish(model, stage.spec)
    with _gathered(model, plan.engine.zero_stage):
        if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
            divergence.refuse(stage.spec, "a weight", math.nan)
        if rank != 0:
            return
        with tempfile.TemporaryDirectory(prefix="tmkd-student-") as name:
            folder = Path(name)
            model.save_pretrained(folder)
            tokenizer.model_max_length = (
                stage.spec.max_length
            )  # where truncation=True cuts: what it has learned to read
            tokenizer.save_pretrained(folder)
            (folder / "README.md").write_text(model_card(stage, note), encoding="utf-8")
            text = json.dumps(note, indent=1, sort_keys=True).encode()
            folders.publish(plan.workspace, folder, stage.output, {NOTE: text})


def model_card(stage: Stage, note: dict[str, Any]) -> str:
    """Return the model card: what it is, how it was made, what was measured on the way."""
    validation = note["history"].get("validation_accuracy", [])
    shown = f"{validation[-1][1]:.3f}" if validation else "not measured"
    spec = stage.spec
    headers = ", ".join(spec.headers)
    lesson = lesson_of(spec.task)
    classes = f"\nClasses: {', '.join(spec.data.classes)}." if spec.data.classes else ""
    return f"""---
library_name: transformers
pipeline_tag: {lesson.tag}
tags: [tmkd, knowledge-distillation]
---
# {stage.output}

Made by the stage `{stage.name}` on the corpus `{spec.data.corpus}` (split `{spec.data.split}`, {note["rows"]:,} rows,
{note["steps"]:,} optimiser steps). It reads up to {spec.max_length} tokens at a time. Headers: {headers}.{classes}

Accuracy on the validation split at the end: {shown}.

```python
import tmkd  # makes transformers know the student
{lesson.example}
```
"""


@contextlib.contextmanager
def _gathered(model: PreTrainedModel, zero_stage: int) -> Any:
    if zero_stage < 3:
        yield
        return
    import deepspeed

    with deepspeed.zero.GatheredParameters(list(model.parameters()), modifier_rank=0):
        yield
