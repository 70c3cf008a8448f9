"""What a teacher runs on. Imports no torch, so that helper processes start quickly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Host:
    """What a teacher runs on: device (``cpu | cuda``), precision (``fp32 | bf16``)."""

    device: str
    precision: str

    @property
    def backend(self) -> str:
        return f"torch-{self.device}"
