"""Kind ``encoder``: the bottom layers of a pre-trained encoder (TMKD's BERT-3)."""

from __future__ import annotations

from tmkd.models.shape import StudentShape
from tmkd.students.base import Material, StudentKind, StudentSettings, Tree
from tmkd.tasks.signals import ATTENTION_MAPS, CLASS_LOGITS, SPAN_LOGITS


class EncoderKind(StudentKind):
    """Cut from a base."""

    name = "encoder"
    meaning = "cut from base"
    gives = (CLASS_LOGITS, SPAN_LOGITS, ATTENTION_MAPS)
    axis = "layers"
    layers_key = "layers"
    is_cut = True

    def shape(self, student: StudentSettings) -> StudentShape:
        """Return the recipe's own values."""
        return StudentShape(
            student.layers, student.pooling, student.freeze_embeddings, student.dropout, student.max_length
        )

    def base(self, student: StudentSettings, material: Material) -> str:
        """Return the recipe's base."""
        return student.base

    def size(self, student: StudentSettings) -> int:
        """Return its layers."""
        return student.layers

    def set_size(self, tree: Tree, size: int) -> None:
        """Write its layers."""
        tree["layers"] = size
