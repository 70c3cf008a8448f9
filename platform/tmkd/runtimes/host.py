"""What a model runs on. Imports no torch, so that helper processes start quickly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Host:
    """What a model runs on: device (``cpu | cuda``), precision (``fp32 | bf16 | int8``), runtime (``torch | onnx``)."""

    device: str
    precision: str
    runtime: str = "torch"

    @property
    def backend(self) -> str:
        return f"{self.runtime}-{self.device}"
