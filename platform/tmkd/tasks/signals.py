"""Names of what a student gives, teachers give, and objectives compare."""

from __future__ import annotations

CLASS_LOGITS = "class_logits"
"""Header -> float [B, C], logits before normalisation."""
SPAN_LOGITS = "span_logits"
"""Header -> float [B, L, 2], start and end logits of every token."""
ATTENTION_MAPS = "attention_maps"
"""`LAST` -> the student's last self-attention, float [B, H, L, L]; of teachers their mean as `attention_mse` has it."""
LAST = "last"
