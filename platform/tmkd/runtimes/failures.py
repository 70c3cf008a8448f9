"""Kinds of a failed forward pass: the device was full, the device is broken, or the rows of the batch are at fault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from tmkd.errors import UserError

Kind = Literal["memory", "device", "rows"]
SHOWN = 200

MEMORY_MESSAGES = (
    "out of memory",  # CUDA, HIP, MPS and Triton
    "can't allocate memory",  # torch on CPUs
    "not enough memory",
    "cannot allocate memory",  # errno 12
    "failed to allocate memory",  # ONNX Runtime
    "bad_alloc",
    "bad allocation",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
)
"""Parts of messages, in lower case, with which libraries report a full memory by errors of no type of its own."""

DEVICE_MESSAGES = (
    "device-side assert triggered",  # the advice behind any CUDA error says "device-side assertions"
    "launch failure",
    "launch timed out",
    "illegal memory access",
    "illegal instruction",
    "illegal address",
    "misaligned address",
    "invalid program counter",
    "shared address space",
    "hardware stack error",
    "ecc error",
    "nvlink error",
    "fallen off the bus",
    "device lost",
    "busy or unavailable",
    "driver shutting down",
    "cublas_status_execution_failed",
    "cublas_status_internal_error",
    "cublas_status_mapping_error",
    "cublas_status_not_initialized",
    "cudnn_status_execution_failed",
    "cudnn_status_internal_error",
    "cudnn_status_mapping_error",
    "cudnn_status_not_initialized",
)
"""Parts of messages, in lower case, after which a CUDA context cannot be used any more."""

DEVICE_PREFIXES = ("cuda error:", "hip error:", "triton error [cuda]:", "cudnn error:", "cuda driver error:")
HARMLESS_MESSAGES = (
    "invalid argument",
    "invalid configuration argument",
    "too many resources requested",
    "invalid_value",
    "invalid value",
    "not_supported",
    "not supported",
    "bad_param",
)
"""Parts of a device's messages, in lower case, that tell of one call: the next one may succeed."""


class DeviceError(Exception):
    """The accelerator is broken for this process: whatever else it is asked fails, so a fresh process must go on."""


def kind_of(error: Exception) -> Kind:
    """Return whether memory, the device, or something else (so the rows) made a forward pass fail."""
    if any(_is_memory(each) for each in _causes(error)):
        return "memory"
    return "device" if any(_is_device(each) for each in _causes(error)) else "rows"


def summary(error: BaseException) -> str:
    """Return an error's type and the first line of its message, shortened."""
    said = str(error).strip().partition("\n")[0][:SHOWN]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


@contextmanager
def named_failures(what: str, advice: str) -> Iterator[None]:
    """Name what did not fit into memory, and tell a broken device from other errors.

    Raises:
        UserError: with ``advice``, where ``what`` does not fit into memory.
        DeviceError: where the device is broken.
    """
    try:
        yield
    except (UserError, DeviceError):
        raise
    except Exception as error:
        kind, reason = kind_of(error), summary(error)
        if kind == "memory":
            raise UserError(f"{what} does not fit into memory ({reason}); {advice}") from error
        if kind == "device":
            raise DeviceError(reason) from error
        raise


def device_error(error: BaseException | None) -> DeviceError | None:
    """Return the error of a broken device that Ray has wrapped into errors of its own; None where there is none."""
    while error is not None:
        if type(error) is DeviceError:
            return error
        error = getattr(error, "cause", None) or error.__cause__
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the errors that it was raised from: compilers wrap those of the device."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return _is_native(error) and _mentions(error, MEMORY_MESSAGES)


def _is_device(error: BaseException) -> bool:
    if not _is_native(error):
        return False
    if _mentions(error, DEVICE_MESSAGES):
        return True
    is_device_s = isinstance(error, torch.AcceleratorError) or _mentions(error, DEVICE_PREFIXES)
    return is_device_s and not _mentions(error, HARMLESS_MESSAGES)


def _is_native(error: BaseException) -> bool:
    """Tell whether an error may come from native code; Python's own errors say "memory" of other things."""
    return isinstance(error, (RuntimeError, OSError)) or type(error).__module__.startswith("onnxruntime")


def _mentions(error: BaseException, parts: tuple[str, ...]) -> bool:
    said = str(error).lower()
    return any(part in said for part in parts)
