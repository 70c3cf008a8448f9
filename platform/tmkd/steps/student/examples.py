"""Texts that MLflow keeps with a model."""

from __future__ import annotations

EXAMPLES = (("how do I read a file?", "Open it and call read()."), ("how do I read a file?", "The sky is blue."))
"""Pairs that MLflow keeps beside the model, so that whoever finds it there sees what it takes."""
