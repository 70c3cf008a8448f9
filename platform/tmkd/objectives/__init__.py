"""What learning from a teacher means: one loss a file; those that a recipe names are listed in `soft`.

Every loss is a pure function that gives one float a row; `weighted_terms` sums them to named terms and a recipe's
weights make the objective. Reduction is the sum over rows divided by the number of rows of the *whole* step, so
that the loss depends neither on micro-batches nor on accumulation nor on the number of workers.
"""

from __future__ import annotations

from tmkd.objectives.golden_cross_entropy import golden_cross_entropy
from tmkd.objectives.soft import SOFT_OBJECTIVES, SoftObjective
from tmkd.objectives.soft_label_mse import soft_label_mse
from tmkd.objectives.span_terms import SpanTargets, span_terms
from tmkd.objectives.terms import Targets, combine, weighted_terms

__all__ = [
    "SOFT_OBJECTIVES",
    "SoftObjective",
    "SpanTargets",
    "Targets",
    "combine",
    "golden_cross_entropy",
    "soft_label_mse",
    "span_terms",
    "weighted_terms",
]
