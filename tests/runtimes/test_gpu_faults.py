"""The same on a real GPU: no row lost to a full memory, a device-side assertion is no bad row. Skipped elsewhere."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest
import torch
from fake_devices import TEMPLATE, texts

from tmkd.runtimes.base import Runtime
from tmkd.runtimes.failures import DeviceError
from tmkd.runtimes.torch_runtime import TorchRuntime
from tmkd.text.features import Features

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
ROW_BYTES, ROOM_ROWS, ROWS = 16 * 2**20, 100, 512


class OnGpu(TorchRuntime):
    """Takes 16 MiB of the device for each row of a batch, or looks up a token that has no embedding."""

    def __init__(self) -> None:
        Runtime.__init__(self, Features(TEMPLATE, 16), 10**6, 100, 1)
        self.device = torch.device("cuda")
        self.asserts = False

    def forward(self, inputs):
        ids = torch.from_numpy(inputs["input_ids"]).to(self.device)
        if self.asserts:
            return torch.nn.functional.embedding(ids + 1000, torch.zeros(10, 1, device=self.device))[:, 0].cpu().numpy()
        held = torch.ones(len(ids), ROW_BYTES, dtype=torch.uint8, device=self.device)
        return held[:, :1].float().cpu().numpy()


def fill() -> None:
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(ROOM_ROWS * ROW_BYTES / total)
    device = OnGpu()
    scored = device.run(texts(ROWS))
    assert scored.faults == {} and np.isfinite(scored.values).all() and device.too_large is not None


def break_it() -> None:
    device = OnGpu()
    device.asserts = True
    with pytest.raises(DeviceError, match="device-side assert"):
        device.run(texts(ROWS))
    assert not device.is_usable()


@pytest.mark.parametrize("work", [fill, break_it])
def test_a_gpu(work) -> None:
    process = multiprocessing.get_context("spawn").Process(target=work)  # its context is lost afterwards
    process.start()
    process.join(120)
    assert process.exitcode == 0
