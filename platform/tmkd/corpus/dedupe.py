"""Near-duplicate passages: MinHash sketches of word trigrams, compared through locality-sensitive hashing."""

from __future__ import annotations

from collections.abc import Callable

from rensa import RMinHash, RMinHashDeduplicator

PERMUTATIONS = 128
BANDS = 32
SEED = 42


class NearDuplicates:
    """Remembers the passages seen so far (about 1 kB each) and knows the next one that repeats one of them.

    The similarity is estimated from 128 hashes: its standard error is at most 0.045.
    """

    def __init__(self, threshold: float, separate: Callable[[str], str] | None = None) -> None:
        """Start with nothing seen.

        Args:
            threshold: similarity from which on a passage repeats another.
            separate: puts blanks between the words of a passage where its script has none.
        """
        self._separate = separate
        self._seen = RMinHashDeduplicator(
            threshold=threshold, num_perm=PERMUTATIONS, use_lsh=True, num_bands=BANDS, seed=SEED
        )
        self._count = 0

    def repeats(self, passage: str) -> bool:
        """Tell whether a passage is nearly the same as an earlier one; remember it if it is not."""
        sketch = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
        sketch.update(_trigrams(self._separate(passage) if self._separate else passage))
        self._count += 1
        return not self._seen.add(str(self._count), sketch)


def _trigrams(passage: str) -> list[str]:
    words = passage.lower().split()
    if len(words) < 3:
        return [" ".join(words)]
    return [" ".join(words[start : start + 3]) for start in range(len(words) - 2)]
