"""Which rows of a comparison the paper's claims speak of."""

from __future__ import annotations

import pytest

from tmkd.evaluation.claims import CLAIMS
from tmkd.pipeline.comparison.cells import cells, usual_cell
from tmkd.pipeline.comparison.judging import of_claims
from tmkd.pipeline.recipe.files import load

GRIDS = "[{regimes: [tmkd, 1-o-1], students: [encoder, bi_lstm]}, {layers: [1, 3]}, {alphas: [0.3, 0.9]}]"
CLAIMED = {side for claim in CLAIMS for side in (claim.better, claim.worse)}


@pytest.mark.parametrize(
    ("usual", "expected"),
    [
        (
            "encoder",
            {
                "tmkd": "tmkd", "1-o-1": "1-o-1", "tmkd · bi-lstm": "tmkd · bi-lstm",
                "1-o-1 · bi-lstm": "1-o-1 · bi-lstm", "tmkd · 1 layer": "tmkd · 1 layer", "tmkd · 3 layers": "tmkd",
                "tmkd · α 0.3": "tmkd · α 0.3", "tmkd · α 0.9": "tmkd",
            },
        ),
        (
            "bi_lstm",
            {
                "tmkd": "tmkd · encoder", "1-o-1": "1-o-1 · encoder", "tmkd · bi-lstm": "tmkd",
                "1-o-1 · bi-lstm": "1-o-1", "tmkd · 3 layers": "tmkd · encoder", "tmkd · α 0.9": "tmkd · encoder",
            },
        ),
    ],
)  # fmt: skip
def test_claims_find_their_rows_whatever_student_is_usual(usual: str, expected: dict[str, str]) -> None:
    recipe = load("docs", {"compare.grids": GRIDS, "student.kind": usual})
    found = of_claims({cell.name(usual_cell(recipe)): cell for cell in cells(recipe)}, usual_cell(recipe))
    assert {claimed: name for claimed, name in found.items() if claimed in CLAIMED} == expected
