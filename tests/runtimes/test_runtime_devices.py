"""Faults of a device cost no row its score: full memory is made room in, a broken device is named."""

import numpy as np
import pytest
import torch
from fake_devices import SmallDevice, texts

from tmkd.errors import UserError
from tmkd.runtimes.failures import DeviceError, kind_of

ADVICE = "\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions."
"""What torch appends to every error of a device."""
MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    torch.AcceleratorError("CUDA error: out of memory" + ADVICE),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"),
]
DEVICE = [
    torch.AcceleratorError("CUDA error: device-side assert triggered"),
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered"),
    torch.AcceleratorError("CUDA error: uncorrectable NVLink error detected during the execution"),
    torch.AcceleratorError("CUDA error: unspecified launch failure"),
    torch.AcceleratorError("CUDA error: unknown error"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa, opb, m, n, k )`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
]
ROWS = [
    IndexError("index out of range in self"),
    KeyError("memory"),
    ValueError("position beyond the memory of this model"),
    RuntimeError("view size is not compatible: use contiguous memory_format"),
    torch.AcceleratorError("CUDA error: invalid configuration argument" + ADVICE),
]


@pytest.mark.parametrize(("errors", "kind"), [(MEMORY, "memory"), (DEVICE, "device"), (ROWS, "rows")])
def test_errors_are_told_apart_by_type_and_known_messages(errors: list[Exception], kind: str) -> None:
    assert {str(error): kind_of(error) for error in errors} == {str(error): kind for error in errors}


def test_what_a_compiler_wraps_is_seen() -> None:
    wrapped = RuntimeError("backend compiler failed")
    wrapped.__cause__ = torch.OutOfMemoryError("CUDA out of memory")
    assert kind_of(wrapped) == "memory"


@pytest.mark.parametrize("rows", [101, 110, 150, 250, 512])
def test_no_row_is_lost_where_a_batch_is_larger_than_the_device(rows: int) -> None:
    device = SmallDevice(room=100)
    scored = device.run(texts(rows))
    assert scored.faults == {} and (scored.values == 1).all()


def test_a_size_that_did_not_fit_is_remembered_for_the_next_shard() -> None:
    device = SmallDevice(room=100)
    device.run(texts(512))
    assert max(device.batches) == 512
    device.batches.clear()
    device.run(texts(512))
    assert max(device.batches) <= 100 and sum(device.batches) == 512


def test_poisoned_rows_and_full_memory_together_cost_the_poisoned_rows_alone() -> None:
    device = SmallDevice(room=100)
    device.poison = 9
    poisoned = frozenset(range(3, 512, 10))
    scored = device.run(texts(512, poisoned=poisoned))
    assert set(scored.faults) == poisoned
    assert np.flatnonzero(np.isnan(scored.values[:, 0])).tolist() == sorted(poisoned)


def test_a_row_that_does_not_fit_alone_is_no_row_s_fault() -> None:
    with pytest.raises(UserError, match=r"a single row of 5 tokens does not fit.*batch_tokens 1,000,000.*max_length"):
        SmallDevice(room=0).run(texts(20))


@pytest.mark.parametrize("error", DEVICE, ids=str)
def test_a_broken_device_blames_no_row(error: Exception) -> None:
    device = SmallDevice(room=10**6)
    device.breaks = error
    with pytest.raises(DeviceError, match=type(error).__name__):
        device.run(texts(50))
    assert len(device.batches) == 1


def test_rows_are_not_blamed_where_the_device_does_not_answer_any_more(monkeypatch) -> None:
    device = SmallDevice(room=10**6)
    device.breaks = RuntimeError("something went wrong")
    monkeypatch.setattr(device, "is_usable", lambda: False)
    with pytest.raises(DeviceError, match="something went wrong"):
        device.run(texts(50))


def test_a_model_that_fails_on_long_rows_alone_keeps_the_short_ones() -> None:
    class Short(SmallDevice):
        def forward(self, inputs):
            if inputs["input_ids"].shape[1] > 6:
                raise ValueError("too long")
            return super().forward(inputs)

    device, lengths = Short(room=10**6), [8] * 50 + [3] * 60
    rows = [np.full(length, 5, np.int64) for length in lengths]
    device.batch_tokens = 500
    scored = device.run(type(texts(1)).of(rows, np.int64))
    assert set(scored.faults) == set(range(50)) and np.isfinite(scored.values[50:]).all()


def test_scores_of_a_model_that_is_judged_must_be_whole() -> None:
    device = SmallDevice(room=100)
    assert device.run(texts(20)).complete("student").shape == (20, 1)
    device.poison = 9
    with pytest.raises(UserError, match=r"student: 2 row\(s\) could not be scored \(IndexError: index out of range"):
        device.run(texts(20, poisoned=frozenset({3, 8}))).complete("student")
