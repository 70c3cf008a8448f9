"""How the C library hands memory back on CPU hosts."""

from __future__ import annotations

import ctypes

# From glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


def keep_freed_memory() -> bool:
    """Let this process keep what it frees for its next allocation; tell whether the C library can.

    glibc maps each block above 32 MB anew and unmaps it when it is freed. A training step on a CPU allocates dozens
    (attention weights, gradients), and having the kernel clear their pages takes up to 40 % of its time. The process
    stays at its peak size instead. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))
