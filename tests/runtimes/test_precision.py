import pytest
import torch

from tmkd.errors import UserError
from tmkd.runtimes.precision import has_fast_bf16, resolve_device, resolve_precision


def test_auto_takes_what_the_hardware_has() -> None:
    device = resolve_device("auto")
    assert device == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_precision("auto", device) == ("bf16" if has_fast_bf16(device) else "fp32")


def test_what_is_asked_for_is_taken() -> None:
    assert resolve_precision("fp32", "cpu") == "fp32"
    assert resolve_precision("bf16", "cpu") == "bf16"
    assert resolve_device("cpu") == "cpu"


def test_unknown_words_name_the_legal_ones() -> None:
    with pytest.raises(UserError, match=r"fp16.*auto, fp32 or bf16"):
        resolve_precision("fp16", "cpu")
    with pytest.raises(UserError, match=r"tpu.*auto, cpu or cuda"):
        resolve_device("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this host has a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="no GPU"):
        resolve_device("cuda")
