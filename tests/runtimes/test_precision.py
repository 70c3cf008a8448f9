from collections.abc import Callable, Iterator

import pytest
import torch

from tmkd.errors import UserError
from tmkd.runtimes import precision
from tmkd.runtimes.precision import has_fast_bf16, resolve_device, resolve_precision

SAPPHIRE_RAPIDS = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8488C
flags\t\t: fpu avx2 avx512f avx512bw avx512_vnni amx_bf16 amx_tile amx_int8
vmx flags\t: vnmi preemption_timer
"""
ZEN_4 = "model name\t: AMD EPYC 9R14\nflags\t\t: fpu avx2 avx512f avx512_bf16 avx512_vnni\n"
GRAVITON_3 = "processor\t: 0\nFeatures\t: fp asimd sve i8mm bf16 rng\nCPU implementer\t: 0x41\n"
ICE_LAKE = "model name\t: a CPU with bf16 in its name\nflags\t\t: fpu avx2 avx512f avx512_vnni\nbugs\t\t: bf16\n"
GRAVITON_2 = "processor\t: 0\nFeatures\t: fp asimd asimddp\n"


@pytest.fixture
def cpu(tmp_path, monkeypatch) -> Iterator[Callable[[str | None], None]]:
    """Let this host's CPU be the one that a text of /proc/cpuinfo tells of; None where there is no such file."""
    file = tmp_path / "cpuinfo"

    def forget() -> None:
        has_fast_bf16.cache_clear()
        precision._cpu_flags.cache_clear()

    def be(text: str | None) -> None:
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)
        forget()

    monkeypatch.setattr(precision, "Path", lambda path: {"/proc/cpuinfo": file}[path])
    yield be
    forget()


@pytest.mark.parametrize("text", [SAPPHIRE_RAPIDS, ZEN_4, GRAVITON_3], ids=["AMX", "AVX-512", "ARM"])
def test_auto_takes_bf16_where_the_cpu_computes_in_it(cpu, text: str) -> None:
    cpu(text)
    assert has_fast_bf16("cpu")
    assert resolve_precision("auto", "cpu") == "bf16"


@pytest.mark.parametrize("text", [ICE_LAKE, GRAVITON_2, "", None], ids=["AVX-512", "ARM", "empty", "no Linux"])
def test_auto_takes_fp32_where_the_cpu_does_not_say_so(cpu, text: str | None) -> None:
    cpu(text)
    assert not has_fast_bf16("cpu")
    assert resolve_precision("auto", "cpu") == "fp32"


def test_auto_takes_the_gpu_where_there_is_one() -> None:
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


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
