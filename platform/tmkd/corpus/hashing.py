"""Stable hashes: the same text gets the same place on every machine, for one seed."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]


def text_hash(text: str) -> int:
    """Return a 64-bit hash of a text. Raises `UnicodeEncodeError` for half a surrogate pair."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def seeded_hash(seed: int, purpose: str, text: str) -> int:
    """Return a 64-bit hash that differs between seeds and between purposes, so that choices are independent."""
    return text_hash(f"{seed}\x1f{purpose}\x1f{text}")


def mix(hashes: Hashes, seed: int) -> Hashes:
    """Return hashes shuffled by a seed (the finaliser of splitmix64), element by element."""
    with np.errstate(over="ignore"):
        mixed = hashes + np.uint64(0x9E3779B97F4A7C15) * np.uint64(seed + 1)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)), np.uint64)
