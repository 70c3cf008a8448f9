"""Windows cover every token, and the one with most context speaks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tmkd.text.windows import merge, speakers, windows


@pytest.mark.parametrize("tokens", [0, 1, 5, 6, 7, 10, 11, 200])
@pytest.mark.parametrize(("room", "overlap"), [(6, 0), (6, 2), (6, 5), (50, 20)])
def test_windows_cover_every_token_and_none_is_idle(tokens: int, room: int, overlap: int) -> None:
    spans = windows(tokens, room, overlap)
    covered = [token for start, stop in spans for token in range(start, stop)]
    assert set(covered) == set(range(tokens))
    assert all(0 <= stop - start <= room for start, stop in spans)
    assert all(before[1] - after[0] == overlap for before, after in pairwise(spans))
    new = [spans[0, 1], *np.diff(spans[:, 1])]
    assert len(spans) == 1 or min(new) > 0  # each adds a token


def test_a_context_that_fits_is_one_window() -> None:
    assert windows(6, 6, 2).tolist() == [[0, 6]] and windows(0, 6, 2).tolist() == [[0, 0]]


@pytest.mark.parametrize("overlap", [-1, 6, 7])
def test_windows_that_cannot_move_on_are_refused(overlap: int) -> None:
    with pytest.raises(ValueError, match=f"an overlap of {overlap} tokens"):
        windows(10, 6, overlap)


def test_the_window_with_most_context_on_the_scarcer_side_speaks() -> None:
    spans = windows(10, 6, 4)  # 0-5, 2-7, 4-9
    assert spans.tolist() == [[0, 6], [2, 8], [4, 10]]
    assert speakers(spans, 10).tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize(("tokens", "room", "overlap"), [(10, 6, 4), (200, 50, 20), (203, 50, 45)])
def test_every_token_s_speaker_is_the_one_found_by_looking_at_all_windows(tokens: int, room: int, overlap: int) -> None:
    spans = windows(tokens, room, overlap)

    def scarcer_side(window: int, token: int) -> int:
        return min(token - spans[window][0], spans[window][1] - 1 - token)

    looked_at = [max(range(len(spans)), key=lambda w, t=t: (scarcer_side(w, t), -w)) for t in range(tokens)]
    assert speakers(spans, tokens).tolist() == looked_at


def test_merged_scores_are_those_of_the_speakers() -> None:
    spans = windows(23, 8, 5)
    scores = [np.full((stop - start, 2), index, np.float32) for index, (start, stop) in enumerate(spans)]
    merged = merge(spans, 23, scores)
    assert merged.shape == (23, 2)
    np.testing.assert_array_equal(merged[:, 0], speakers(spans, 23))
