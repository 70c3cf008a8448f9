"""From a network and a host to the runtime that runs it."""

from __future__ import annotations

import torch

from tmkd.runtimes.base import Runtime
from tmkd.runtimes.host import Host
from tmkd.runtimes.network import Network
from tmkd.runtimes.torch_runtime import TorchRuntime
from tmkd.text.features import Features


def open_runtime(network: Network, features: Features, host: Host, key: str, batch_tokens: int | None) -> Runtime:
    """Open ``network`` on ``host`` with as many threads as torch uses in this process.

    Args:
        network: on the CPU, in fp32; it may be changed in place.
        features: builds its inputs.
        host: device, precision and runtime.
        key: fingerprint of the weights.
        batch_tokens: tokens of a batch; None for the device's default.
    """
    if host.runtime == "torch":
        return TorchRuntime(network, features, host.precision, host.device, batch_tokens)
    from tmkd.runtimes.onnx_export import graph_of
    from tmkd.runtimes.onnx_runtime import OnnxRuntime

    graph = graph_of(network, host.precision, key)
    return OnnxRuntime(graph, network, features, torch.get_num_threads(), batch_tokens)
