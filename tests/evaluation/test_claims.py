"""The paper's claims against rows whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_p_values_are_corrected_after_holm_over_the_claims_that_could_be_tested():
    """Alone, tmkd would be shown to be better than mkd: six questions that all fall alike have p 2^-5."""

    def wrong_on(*questions):
        return Judged((~np.isin(np.arange(len(IDS)), questions)).astype(np.float64)[None])

    rows = {"tmkd": wrong_on(), "golden": wrong_on(*range(8)), "mkd": wrong_on(*range(6)), "tkd": wrong_on(*range(6))}
    found = {each.claim.worse: each for each in findings(Comparison(rows, IDS, 2000), {name: name for name in rows})}
    raw = {"golden": 2**-7, "mkd": 2**-5, "tkd": 2**-5}
    assert {name: each.difference.p for name, each in found.items()} == pytest.approx(raw)
    corrected = {"golden": 3 * raw["golden"], "mkd": 2 * raw["mkd"], "tkd": 2 * raw["tkd"]}
    assert {name: each.p for name, each in found.items()} == pytest.approx(corrected)
    assert [found[name].verdict for name in raw] == ["reproduced", "not shown", "not shown"]
