"""From a network to an ONNX graph in this user's cache, in fp32 or with int8 weights and activations."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import torch

from tmkd.errors import UserError
from tmkd.runtimes.graph_cache import cached
from tmkd.runtimes.network import Network
from tmkd.user_folders import cache_folder
from tmkd.workspace import fingerprint

OPSET = 17
GRAPH = "graph.onnx"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
DYNAMIC = {0: "batch", 1: "tokens"}


def available() -> bool:
    """Tell whether ONNX Runtime and what exports to it are installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError:
        return False
    return True


def onnx_version() -> str:
    """Return the version of ONNX Runtime, part of what binds a label store."""
    return version("onnxruntime")


def graph_of(network: Network, precision: str, key: str) -> Path:
    """Return the ONNX file of a network, exported now if this machine has not yet.

    Args:
        network: on the CPU, in fp32.
        precision: ``fp32``, or ``int8`` for dynamic quantisation of every matrix product.
        key: fingerprint of the weights.

    Raises:
        UserError: if ONNX Runtime is not installed, or the model cannot be exported.
    """
    if not available():
        raise UserError('runtime onnx: ONNX Runtime is not installed; pip install "tmkd[onnx]", or set runtime: torch')
    kind = type(network).__name__
    name = fingerprint([key, kind, getattr(network, "pooling", None), OPSET, torch.__version__, onnx_version()])

    def make(folder: Path) -> None:
        if precision == "fp32":
            _export(network, folder / GRAPH)
        else:
            _quantise(graph_of(network, "fp32", key), folder / GRAPH)

    return cached(cache_folder("onnx"), f"{name}-{precision}", make) / GRAPH


def _export(network: Network, path: Path) -> None:
    names = [name for name in INPUTS if name != "token_type_ids" or network.takes_types]
    example = torch.ones(2, 8, dtype=torch.int64)
    network.model.set_attn_implementation("eager")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of every shape it reads
            torch.onnx.export(
                network, tuple(example for _ in names), str(path), input_names=names, output_names=["scores"],
                dynamic_axes={**dict.fromkeys(names, DYNAMIC), "scores": {0: "batch"}}, opset_version=OPSET,
                dynamo=False,
            )  # fmt: skip
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise UserError(f"runtime onnx: this model cannot be exported ({reason}); set runtime: torch") from error


def _quantise(graph: Path, path: Path) -> None:
    """Quantise a copy of the graph: ONNX Runtime writes files beside what it reads, which other processes read too."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(dir=path.parent.parent) as folder:
        copy = shutil.copytree(graph.parent, Path(folder, "fp32")) / GRAPH
        quantize_dynamic(
            str(copy), str(path), weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul"]
        )
