"""Long contexts as overlapping windows, and which window speaks for a token that lies in several.

The sliding windows of Devlin et al. (NAACL 2019) for SQuAD: a token's scores are taken from the window in which it has
most context on its scarcer side.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def windows(tokens: int, room: int, overlap: int) -> IntArray:
    """Return the windows [W, 2] that cover a context: first token, and the one after the last.

    Args:
        tokens: of the context.
        room: tokens that a window holds.
        overlap: tokens that a window shares with the one before.

    Raises:
        ValueError: if windows cannot move on, because ``overlap`` is not below ``room``.

    Example:
        >>> windows(10, 6, 2).tolist()
        [[0, 6], [4, 10]]
    """
    if not 0 <= overlap < room:
        raise ValueError(f"an overlap of {overlap} tokens leaves windows of {room} no room to move on")
    count = 1 + max(0, -(-(tokens - room) // (room - overlap)))
    starts = np.arange(count, dtype=np.int64) * (room - overlap)
    return np.stack([starts, np.minimum(starts + room, tokens)], axis=1)


def speakers(spans: IntArray, tokens: int) -> IntArray:
    """Return for every token [T] the index of the window that speaks for it; the earlier one where two are as good.

    Args:
        spans: windows [W, 2] that cover the context.
        tokens: T of the context.
    """
    speaker, most = np.zeros(tokens, dtype=np.int64), np.full(tokens, -1)
    for index, (start, stop) in enumerate(spans):  # one at a time: [W, T] at once is 500 MB at 60,000 tokens
        place = np.arange(stop - start)
        scarcer = np.minimum(place, place[::-1])  # tokens before, tokens after
        better = scarcer > most[start:stop]
        speaker[start:stop][better], most[start:stop][better] = index, scarcer[better]
    return speaker


def merge(spans: IntArray, tokens: int, scores: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Return one score a token [T] out of what every window says of its own tokens.

    Args:
        spans: windows [W, 2] that cover the context.
        tokens: T of the context.
        scores: of every window, float32 [its tokens, ...].
    """
    speaker = speakers(spans, tokens)
    merged = np.empty((tokens, *scores[0].shape[1:]), dtype=np.float32)
    for index, (start, stop) in enumerate(spans):
        mine = speaker[start:stop] == index
        merged[start:stop][mine] = scores[index][mine]
    return merged


def window_around(spans: IntArray, tokens: tuple[int, int] | None) -> tuple[int, int]:
    """Return the window with most text around these tokens (first, last); the first window for None.

    Where no window holds all of them, the one that comes nearest is taken.
    """
    if tokens is None:
        return int(spans[0, 0]), int(spans[0, 1])
    scarcer = np.minimum(tokens[0] - spans[:, 0], spans[:, 1] - 1 - tokens[1])  # [W], below 0 where it is cut
    start, stop = spans[int(np.argmax(scarcer))]
    return int(start), int(stop)
