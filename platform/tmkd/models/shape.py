"""Shape of a student; read without torch."""

from __future__ import annotations

from dataclasses import dataclass

from tmkd.models.student_config import Pooling


@dataclass(frozen=True)
class StudentShape:
    """What a student looks like.

    Attributes:
        layers: bottom layers kept of the base; None keeps all.
        pooling: what the headers read.
        freeze_embeddings: leave the base's embeddings as they are.
        dropout: overrides the base's dropout; None keeps it.
        max_length: tokens of a pair.
    """

    layers: int | None
    pooling: Pooling
    freeze_embeddings: bool
    dropout: float | None
    max_length: int
