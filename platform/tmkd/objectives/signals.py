"""What a student gives, teachers give, and objectives compare, as they are handed over."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

Signals = Mapping[str, Mapping[str, Tensor]]
"""Name of a signal -> header or layer -> values."""
