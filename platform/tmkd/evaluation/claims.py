"""What the paper says is better than what, and what was found here (Yang et al., WSDM 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tmkd.evaluation.comparison import Comparison, Difference
from tmkd.evaluation.significance import LEVEL, holm

Verdict = Literal["reproduced", "not shown", "reversed"]


@dataclass(frozen=True)
class Claim:
    """One row of the paper is better than another.

    Attributes:
        better, worse: what is compared, named as by `tmkd.studies.comparison.cells.Cell.name`; the encoder is usual.
        source: table or figure of the paper.
        figures: accuracy of both there on DeepQA in per cent, with BERT-3 or the Bi-LSTM; None where it gives none.
    """

    better: str
    worse: str
    source: str
    figures: tuple[float, float] | None = None


CLAIMS = (
    Claim("1-o-1", "golden", "Table 4", (77.35, 75.78)),
    Claim("m-o-m", "1-o-1", "Table 4", (77.44, 77.35)),
    Claim("tmkd", "golden", "Table 4", (79.93, 75.78)),
    Claim("tmkd", "1-o-1", "Table 4", (79.93, 77.35)),
    Claim("tmkd", "1avg-o-1", "Table 4", (79.93, 77.63)),
    Claim("tmkd", "m-o-m", "Table 4", (79.93, 77.44)),
    Claim("tkd", "1-o-1", "Table 5", (80.12, 77.35)),
    Claim("mkd", "1avg-o-1", "Table 6", (78.21, 77.63)),
    Claim("tmkd", "mkd", "Figure 2"),
    Claim("tkd_avg", "tkd", "Table 7", (79.73, 79.50)),
    Claim("tmkd", "tkd", "Table 7", (79.93, 79.50)),
    Claim("tmkd", "tkd_avg", "Table 7", (79.93, 79.73)),
    Claim("m-o-m · bi-lstm", "1-o-1 · bi-lstm", "Table 4", (72.04, 71.69)),
    Claim("tmkd · bi-lstm", "1-o-1 · bi-lstm", "Table 4", (74.73, 71.69)),
    Claim("tmkd · bi-lstm", "1avg-o-1 · bi-lstm", "Table 4", (74.73, 71.93)),
    Claim("tmkd · bi-lstm", "m-o-m · bi-lstm", "Table 4", (74.73, 72.04)),
    Claim("tkd_avg · bi-lstm", "tkd · bi-lstm", "Table 7", (74.38, 74.26)),
    Claim("tmkd · bi-lstm", "tkd · bi-lstm", "Table 7", (74.73, 74.26)),
    Claim("tmkd · bi-lstm", "tkd_avg · bi-lstm", "Table 7", (74.73, 74.38)),
    Claim("tmkd · 3 layers", "tmkd · 1 layer", "Table 9", (78.46, 74.59)),
    Claim("tmkd · 5 layers", "tmkd · 3 layers", "Table 9", (79.54, 78.46)),
    Claim("tmkd · α 0.7", "tmkd · α 0.3", "Figure 3"),
    Claim("tmkd · α 0.9", "tmkd · α 0.7", "Figure 3"),
    Claim("tmkd · α 0.9", "tmkd · α 1", "Figure 3"),
)


@dataclass(frozen=True)
class Finding:
    """A claim and what was found.

    Attributes:
        p: after Holm's correction over all claims that could be tested.
    """

    claim: Claim
    difference: Difference
    p: float

    @property
    def verdict(self) -> Verdict:
        """Return ``reproduced`` or ``reversed`` where the corrected p is below 0.05, else ``not shown``."""
        if self.p >= LEVEL:
            return "not shown"
        return "reproduced" if self.difference.interval.estimate > 0 else "reversed"


def findings(comparison: Comparison, named: Mapping[str, str]) -> list[Finding]:
    """Return what was found about every claim whose two rows there are.

    Args:
        comparison: the rows.
        named: name in a claim -> name of the row in ``comparison``.
    """
    testable = [claim for claim in CLAIMS if claim.better in named and claim.worse in named]
    differences = [comparison.difference(named[claim.better], named[claim.worse]) for claim in testable]
    corrected = holm([difference.p for difference in differences])
    return [Finding(*each) for each in zip(testable, differences, corrected, strict=True)]
