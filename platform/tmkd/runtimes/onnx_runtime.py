"""The ONNX Runtime: fp32 or int8 on CPUs."""

from __future__ import annotations

from pathlib import Path

from tmkd.runtimes.base import FloatArray, Runtime
from tmkd.runtimes.batching import default_tokens
from tmkd.runtimes.network import Network
from tmkd.text.features import Features, IntArray


class OnnxRuntime(Runtime):
    """Runs an exported network.

    Args:
        graph: the ONNX file.
        network: it was exported from; only its shape is read.
        features: builds its inputs.
        threads: cores to compute with.
        batch_tokens: tokens of a batch, padding included; None for the device's default.
    """

    def __init__(
        self, graph: Path, network: Network, features: Features, threads: int, batch_tokens: int | None = None
    ) -> None:
        import onnxruntime

        tokens = batch_tokens or default_tokens("cpu", "onnx")
        super().__init__(features, tokens, network.vocabulary_size, network.width)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave idle cores to other processes
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self.names = [entry.name for entry in self.session.get_inputs()]

    def forward(self, inputs: dict[str, IntArray]) -> FloatArray:
        scores: FloatArray = self.session.run(["scores"], {name: inputs[name] for name in self.names})[0]
        return scores
