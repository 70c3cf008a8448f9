"""Quantising one model in a process of its own; a module that a fork server imports once for all of them."""

from __future__ import annotations

import contextlib
import os
import threading

import onnx
import onnxruntime.quantization  # noqa: F401
from transformers import AutoModelForSequenceClassification, BertForSequenceClassification  # noqa: F401

from tmkd.models.loading import load_model
from tmkd.runtimes.network import ClassScores
from tmkd.runtimes.onnx_export import graph_of

PATIENCE_S = 10.0
infer_shapes = onnx.shape_inference.infer_shapes_path


def meet_at(barrier: threading.Barrier) -> None:
    """Let this process wait for the others before it looks into the cache, and before it reads what it has inferred."""

    def infer_and_meet(*paths: str) -> None:
        infer_shapes(*paths)
        meet()

    def meet() -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(PATIENCE_S)

    onnx.shape_inference.infer_shapes_path = infer_and_meet
    globals()["meet"] = meet


def quantise(model, cache) -> str:
    """Return where the graph is, or what went wrong."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    network = ClassScores(load_model(AutoModelForSequenceClassification, model)[0])
    globals()["meet"]()
    try:
        return str(graph_of(network, "int8", "key"))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
