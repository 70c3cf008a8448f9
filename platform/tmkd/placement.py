"""On which nodes of a cluster a kind of work runs: what the recipe asks for, else the nodes that are marked for it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tmkd.cluster import in_reach
from tmkd.config import Config

Work = Literal["teachers", "training", "reading"]
MARK = "tmkd_"
"""Before a kind of work, the custom resource by which a cluster's nodes are marked for it (see cluster.yaml)."""
SHARE = 0.001
"""Of a mark, taken by each actor, worker or task: it decides where they run, not how many."""


class Placement(Config):
    """Which nodes may run it; where nothing is said, those marked ``tmkd_teachers`` or ``tmkd_training``, if any."""

    accelerator_type: str | None = Field(None, description="kind of GPU by Ray's name, such as L4, A100 or H100")
    custom: dict[str, float] = Field(
        {}, description="custom resources of Ray that each actor or worker takes, such as {big_memory: 1}"
    )
    labels: dict[str, str] = Field(
        {}, description="labels that a node must have, in Ray's syntax of label selectors, such as {market-type: spot}"
    )

    @property
    def is_free(self) -> bool:
        return not (self.accelerator_type or self.custom or self.labels)

    def resources(self, work: Work) -> dict[str, float]:
        """Return the custom resources that one actor or worker takes on the connected cluster."""
        mark = f"{MARK}{work}"
        return {mark: SHARE} if self.is_free and in_reach().get(mark) else dict(self.custom)

    def options(self, work: Work) -> dict[str, Any]:
        """Return what Ray's ``.options()`` is told."""
        found = {
            "resources": self.resources(work),
            "label_selector": dict(self.labels),
            "accelerator_type": self.accelerator_type,
        }
        return {key: value for key, value in found.items() if value}
