"""Pair classification: does this passage answer, entail or repeat this question?"""

from __future__ import annotations

from tmkd.corpus.schema import GOLDEN_SCHEMA, PAIR_SCHEMA

__all__ = ["GOLDEN_SCHEMA", "PAIR_SCHEMA"]
