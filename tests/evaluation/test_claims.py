"""The paper's claims against rows whose truth is known."""

from __future__ import annotations

import numpy as np

from tmkd.evaluation.claims import CLAIMS, findings
from tmkd.evaluation.comparison import Comparison, Judged

IDS = np.array([f"q{index}" for index in range(2000)])


def right(share: float, seed: int) -> Judged:
    return Judged((np.random.default_rng(seed).random((3, len(IDS))) < share).astype(np.float64))


def test_each_verdict_is_given_where_it_is_due():
    rows = {"tmkd": right(0.9, 1), "golden": right(0.8, 2), "mkd": right(0.9, 3), "tkd": right(0.95, 4)}
    found = findings(Comparison(rows, IDS, 2000), {name: name for name in rows})
    verdicts = {(each.claim.better, each.claim.worse): each.verdict for each in found}
    assert verdicts == {
        ("tmkd", "golden"): "reproduced", ("tmkd", "mkd"): "not shown", ("tmkd", "tkd"): "reversed",
    }  # fmt: skip


def test_claims_without_their_rows_are_passed_over():
    assert findings(Comparison({"tmkd": right(0.9, 1)}, IDS, 1000), {"tmkd": "tmkd"}) == []
    assert len({(claim.better, claim.worse) for claim in CLAIMS}) == len(CLAIMS)
