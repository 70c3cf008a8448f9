"""Which device and number format a host can use, and what happens when it cannot."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from tmkd.errors import UserError

Precision = Literal["fp32", "bf16"]
DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}


def resolve_device(device: str) -> str:
    """Return ``cpu`` or ``cuda`` for ``auto | cpu | cuda``.

    Raises:
        UserError: if ``cuda`` is asked for and this host has none, or for any other word.
    """
    has_gpu = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if has_gpu else "cpu"
    if device not in ("cpu", "cuda"):
        raise UserError(f"device {device!r}: expected auto, cpu or cuda")
    if device == "cuda" and not has_gpu:
        raise UserError("device 'cuda': this host has no GPU that torch can use; expected auto or cpu")
    return device


def resolve_precision(precision: str, device: str) -> Precision:
    """Return ``fp32`` or ``bf16`` for ``auto | fp32 | bf16``; ``auto`` takes bf16 where hardware computes in it.

    Args:
        precision: what the recipe asks for.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UserError: for any other word.
    """
    if precision == "auto":
        return "bf16" if has_fast_bf16(resolve_device(device)) else "fp32"
    if precision == "fp32":
        return "fp32"
    if precision == "bf16":
        return "bf16"
    raise UserError(f"precision {precision!r}: expected auto, fp32 or bf16")


@cache
def has_fast_bf16(device: str) -> bool:
    """Tell whether bf16 matrix products are done by the hardware of ``cpu`` or ``cuda``."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & _cpu_flags())


@cache
def _cpu_flags() -> frozenset[str]:
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return frozenset()
    lines = (line for line in info.splitlines() if line.startswith(("flags", "Features")))
    return frozenset(next(lines, "").split())


def set_threads(threads: int) -> None:
    """Let torch use ``threads`` cores, and give the same bits for any number of them.

    Ray actors of up to one CPU are started with ``OMP_NUM_THREADS=1``. MKL sums small fp32 products in an order
    that depends on its threads unless it is told not to; that must be said before its first product.
    """
    branch = "AVX512" if "avx512f" in _cpu_flags() else "AVX2"
    os.environ.setdefault("MKL_CBWR", f"{branch},STRICT")
    torch.set_num_threads(max(1, threads))
