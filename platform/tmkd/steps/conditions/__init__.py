"""Conditions of every later step, asked as soon as the corpus is there: before a teacher is trained or labels a row."""

from __future__ import annotations

from tmkd.steps.conditions.check import check_steps

__all__ = ["check_steps"]
