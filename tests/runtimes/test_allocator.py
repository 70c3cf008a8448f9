"""What is freed is used again, without the kernel clearing its pages anew."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

BLOCK = 64 << 20  # bytes; more than glibc ever keeps by itself
FAULTS = f"""
import resource, sys
import numpy as np
from tmkd.runtimes.allocator import keep_freed_memory

assert keep_freed_memory() if sys.argv[1] == "kept" else True
for turn in range(11):
    if turn == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones({BLOCK} // 8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_blocks_are_not_mapped_again() -> None:
    assert page_faults("default") > 100  # huge pages make it fewer than 4 KB ones would
    assert page_faults("kept") < 20
