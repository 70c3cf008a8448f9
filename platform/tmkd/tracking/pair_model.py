"""Loader of MLflow models of pairs that were logged before `tmkd.evaluation.pair_model`: they name this module."""

from __future__ import annotations

import importlib
from typing import Any

LOADER = "tmkd.evaluation.pair_model"
"""By name: it is in a package above, which this one may not import."""


def _load_pyfunc(data_path: str) -> Any:
    """Load what was stored; the name and signature are MLflow's."""
    return importlib.import_module(LOADER)._load_pyfunc(data_path)
